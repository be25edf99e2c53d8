//! What tests start from and do again and again.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stoa_proto::{
    call::Call,
    sell::v1::{CreateProductLineRequest, GetProductLineRequest, ListProductLinesRequest, ProductLine},
};

use super::{Connection, Reply, Target};
use crate::set_up;

impl Target {
    /// Posts as the administrator of a tenant and returns the object.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn post(&self, tenant: &str, path: &str, body: &Value) -> Result<Value> {
        self.http("POST", path, body, &self.admin(tenant)?, &[]).await?.ok().with_context(|| format!("POST {path}"))
    }

    /// Reads as the administrator of a tenant.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn get(&self, tenant: &str, path: &str) -> Result<Value> {
        self.http("GET", path, &Value::Null, &self.admin(tenant)?, &[]).await?.ok().with_context(|| format!("GET {path}"))
    }

    /// Creates a program in `acme`, and enrolls these partners in it.
    ///
    /// # Errors
    /// If a step is refused.
    pub async fn enroll(&self, partners: &[&str]) -> Result<()> {
        let enrollments = partners.iter().flat_map(|id| set_up::enrollment(id));
        for (path, body) in set_up::catalog().into_iter().chain(enrollments) {
            self.post("acme", &path, &body).await?;
        }
        Ok(())
    }

    /// Creates a deal of a partner of `acme`.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn deal(&self, id: &str, partner: &str) -> Result<Value> {
        self.post("acme", &format!("/v1/deals?dealId={id}"), &set_up::deal(id, partner)).await
    }

    /// Checks that a tenant is served as usual: reads and writes, by gRPC and
    /// through the gateway.
    ///
    /// # Errors
    /// If one of these is refused.
    pub async fn serves(&self, tenant: &str) -> Result<()> {
        let token = self.admin(tenant)?;
        let connection = Connection::open(self.address).await?;
        for nth in 0..5 {
            let id = format!("line-{nth}");
            let line = ProductLine { display_name: id.clone(), ..ProductLine::default() };
            let create = CreateProductLineRequest { product_line: Some(line), request_id: id, ..CreateProductLineRequest::default() };
            fine(&connection.ask(&create, &token).await?)?;
            fine(&connection.ask(&ListProductLinesRequest::default(), &token).await?)?;
            self.http("GET", "/v1/productLines", &Value::Null, &token, &[]).await?.ok()?;
        }
        let missing = connection.ask(&GetProductLineRequest { name: "productLines/none".to_owned() }, &token).await?;
        ensure!(missing.status.code() == tonic::Code::NotFound, "{missing:?}");
        self.http("POST", "/v1/productLines", &json!({"displayName": "Another"}), &token, &[]).await?.ok()?;
        Ok(())
    }
}

fn fine(reply: &Reply) -> Result<()> {
    ensure!(reply.is_ok(), "{:?}", reply.status);
    Ok(())
}

impl Connection {
    /// Makes a unary call.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn ask<R: Call>(&self, request: &R, token: &str) -> Result<Reply> {
        self.call(R::PATH, &request.encode_to_vec(), token).await
    }
}
