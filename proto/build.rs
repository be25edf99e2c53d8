//! Compiles the API without protoc: protox parses the files, and
//! tonic-prost-build generates the code.
use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

#[path = "build_traits.rs"]
mod build_traits;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut files = Vec::new();
    find(Path::new("stoa"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([".", "third_party"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&files)?;
    // protox's own encoder keeps custom options; prost_types::FileDescriptorSet drops them.
    let encoded = compiler.encode_file_descriptor_set();
    let pool = prost_reflect::DescriptorPool::decode(encoded.as_slice())?;
    fs::write(out.join("traits.rs"), build_traits::traits(&pool)?)?;
    fs::write(out.join("stoa.fds.bin"), encoded)?;

    let set = compiler.file_descriptor_set();
    fs::write(out.join("mutations.rs"), mutations(&set))?;
    fs::write(out.join("calls.rs"), calls(&set)?)?;
    let mut config = prost_build::Config::new();
    config.enable_type_names();
    // Annotations are read from the descriptors: no code is generated for them.
    config.extern_path(".buf.validate", "::buf_validate").extern_path(".google.api", "::google_api");
    tonic_prost_build::configure().codec_path("crate::codec::Codec").include_file("stoa.rs").compile_fds_with_config(set, config)?;
    println!("cargo:rerun-if-changed=stoa");
    println!("cargo:rerun-if-changed=third_party");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build_traits.rs");
    Ok(())
}

/// `impl Mutation` for every request that carries a `request_id`.
fn mutations(set: &prost_types::FileDescriptorSet) -> String {
    let mut code = String::new();
    for file in set.file.iter().filter(|f| f.package().starts_with("stoa.")) {
        let module = file.package().trim_start_matches("stoa.").replace('.', "::");
        for message in &file.message_type {
            let name = message.name();
            if let Some(method) = name.strip_suffix("Request")
                && message.field.iter().any(|f| f.name() == "request_id")
            {
                code += &format!(
                    "impl Mutation for {module}::{name} {{ const METHOD: &'static str = \"{}.{method}\"; \
                     fn request_id(&self) -> &str {{ &self.request_id }} }}\n",
                    file.package()
                );
            }
        }
    }
    code
}

/// `impl Call` for the request of every unary method, and `impl Exchange` for
/// the request of every bidirectional stream.
fn calls(set: &prost_types::FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let rust = |proto: &str| match proto.strip_prefix(".stoa.") {
        Some(name) => Ok(format!("crate::{}", name.replace('.', "::"))),
        None => Err(format!("{proto} is not a message of this API. Give the method its own message.")),
    };
    let mut code = String::new();
    for file in set.file.iter().filter(|f| f.package().starts_with("stoa.")) {
        for (service, method) in file.service.iter().flat_map(|s| s.method.iter().map(move |m| (s, m))) {
            let kind = match (method.client_streaming(), method.server_streaming()) {
                (false, false) => "Call",
                (true, true) => "Exchange",
                _ => continue,
            };
            code += &format!(
                "impl {kind} for {} {{ const PATH: &'static str = \"/{}.{}/{}\"; type Response = {}; }}\n",
                rust(method.input_type())?,
                file.package(),
                service.name(),
                method.name(),
                rust(method.output_type())?
            );
        }
    }
    Ok(code)
}

fn find(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
