//! The journal's commands over the admin port of the server that has the file open.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, bail};
use hawker_domain::id::ShopId;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{BackupTo, Verified, absolute};

/// Where the server's admin port is.
pub(super) struct Server(SocketAddr);

impl Server {
    pub(super) fn new(admin: SocketAddr) -> Self {
        Self(admin)
    }

    pub(super) async fn shops(&self) -> anyhow::Result<Vec<ShopId>> {
        self.ask(Method::GET, "/journal/shops", String::new()).await
    }

    pub(super) async fn records(&self, shop: &ShopId, after: u64) -> anyhow::Result<Vec<Value>> {
        let path = format!("/journal/records?shop={shop}&after={after}");
        self.ask(Method::GET, &path, String::new()).await
    }

    pub(super) async fn verify(&self) -> anyhow::Result<Verified> {
        self.ask(Method::POST, "/journal/verify", String::new()).await
    }

    pub(super) async fn backup(&self, to: &Path) -> anyhow::Result<()> {
        let body = serde_json::to_string(&BackupTo { to: absolute(to)? })?;
        self.ask(Method::POST, "/journal/backup", body).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> anyhow::Result<T> {
        let context = || format!("the journal is in use, and nothing answers at {}", self.0);
        let stream = TcpStream::connect(self.0).await.with_context(context)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.with_context(context)?;
        // Its end shows as the end of the answer.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.0.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let response = sender.send_request(request).await.with_context(context)?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            let told: Value = serde_json::from_slice(&body).unwrap_or_default();
            let problem = told["error"].as_str().unwrap_or("no reason given");
            bail!("the server at {} says {status}: {problem}", self.0);
        }
        serde_json::from_slice(&body).context("the server's answer cannot be read")
    }
}
