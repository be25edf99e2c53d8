//! Compiles the API without protoc: protox reads the files, tonic-prost-build generates.
use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut files = Vec::new();
    find(Path::new("stoa"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([".", "third_party"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&files)?;
    // protox's own encoder keeps custom options; prost_types::FileDescriptorSet drops them.
    fs::write(out.join("stoa.fds.bin"), compiler.encode_file_descriptor_set())?;

    let set = compiler.file_descriptor_set();
    fs::write(out.join("mutations.rs"), mutations(&set))?;
    let mut config = prost_build::Config::new();
    config.enable_type_names();
    // Annotations are read from the descriptors: no code is generated for them.
    config.extern_path(".buf.validate", "::buf_validate").extern_path(".google.api", "::google_api");
    tonic_prost_build::configure().codec_path("crate::codec::Codec").include_file("stoa.rs").compile_fds_with_config(set, config)?;
    println!("cargo:rerun-if-changed=stoa");
    println!("cargo:rerun-if-changed=third_party");
    println!("cargo:rerun-if-changed=build.rs");
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
