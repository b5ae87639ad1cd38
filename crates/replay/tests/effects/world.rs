//! The world that effects act in: a server of HTTP that counts, fails, hangs, redirects and floods.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What a flood would have, if somebody read all of it.
const FLOOD_BYTES: usize = 256 << 20;

/// One call as it came.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// The server. It ends with the test's runtime.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    /// Connections that were closed while the server hung.
    left: Arc<Mutex<usize>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let world = Self { address, calls: Arc::default(), left: Arc::default() };
        let serving = world.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let world = serving.clone();
                // A client that goes away in the midst is no failure of the test.
                tokio::spawn(async move { drop(world.serve(stream).await) });
            }
        });
        world
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// How often each key was called at a path.
    pub(crate) fn counts(&self, path: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.calls().into_iter().filter(|call| call.path == path) {
            *counts.entry(call.key).or_default() += 1;
        }
        counts
    }

    pub(crate) fn left(&self) -> usize {
        *self.left.lock().unwrap()
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut read = Vec::new();
        loop {
            let Some((call, rest)) = request(&mut stream, &mut read).await? else { return Ok(()) };
            read = rest;
            let path = call.path.clone();
            let before = self.counts(&path).get(&call.key).copied().unwrap_or(0);
            self.calls.lock().unwrap().push(call);
            if path == "/hang" {
                let closed = stream.read(&mut [0; 1]).await;
                *self.left.lock().unwrap() += 1;
                return closed.map(drop);
            }
            if path == "/flood" {
                return flood(&mut stream).await;
            }
            let fails: usize = path.strip_prefix("/fail/").map_or(0, |n| n.parse().unwrap());
            let (status, more) = match path.as_str() {
                "/away" => ("302 Found", format!("location: http://{}/ok\r\n", self.address)),
                "/wrong" => ("422 Unprocessable Content", String::new()),
                _ if before < fails => ("503 Service Unavailable", String::new()),
                _ => ("200 OK", "content-type: application/json\r\n".to_owned()),
            };
            let body = r#"{"seen":true,"echo":"hunter2hunter2"}"#;
            let answer =
                format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await?;
        }
    }
}

async fn flood(stream: &mut TcpStream) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {FLOOD_BYTES}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let part = vec![b'x'; 1 << 16];
    for _ in 0..FLOOD_BYTES / part.len() {
        stream.write_all(&part).await?;
    }
    Ok(())
}

/// The next request of a connection, and what was read of the one after it.
async fn request(
    stream: &mut TcpStream,
    read: &mut Vec<u8>,
) -> std::io::Result<Option<(Call, Vec<u8>)>> {
    loop {
        let text = String::from_utf8_lossy(read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let header = |name: &str| {
                let lines = head.lines().filter_map(|line| line.split_once(": "));
                lines
                    .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                    .map(|(_, v)| v.to_owned())
                    .next()
            };
            let length: usize = header("content-length").map_or(0, |n| n.parse().unwrap());
            if body.len() >= length {
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let key = header("idempotency-key").unwrap_or_default();
                let (body, rest) = body.split_at(length);
                let call = Call { path, key, head: head.to_owned(), body: body.to_owned() };
                return Ok(Some((call, rest.as_bytes().to_vec())));
            }
        }
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await?;
        if count == 0 {
            return Ok(None);
        }
        read.extend_from_slice(&part[..count]);
    }
}
