//! A socket and what came over it. Owns the order: a reply is waited for, pushes are kept until
//! somebody asks for them.

use std::collections::VecDeque;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::hawker::{ORIGIN, soon};

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    last_id: u64,
    pushes: VecDeque<Value>,
    /// Lines of a frame that nobody has looked at.
    lines: VecDeque<Value>,
}

/// What comes next: a line, or the end with its code.
#[derive(Debug)]
pub(crate) enum Next {
    Line(Value),
    Closed(u16),
}

impl Client {
    /// A socket as a page of the allowed origin opens it.
    pub(crate) async fn open(to: SocketAddr) -> Self {
        let stream = soon("a connection", TcpStream::connect(to)).await.unwrap();
        Self::over(stream, to).await
    }

    /// The same, of somebody whose kernel takes only a little that he does not read.
    pub(crate) async fn open_narrow(to: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        Self::over(soon("a connection", socket.connect(to)).await.unwrap(), to).await
    }

    async fn over(stream: TcpStream, to: SocketAddr) -> Self {
        let mut request = format!("ws://{to}/v1/ws").into_client_request().unwrap();
        request.headers_mut().insert("origin", ORIGIN.parse().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", "hawker.v1".parse().unwrap());
        let handshake = tokio_tungstenite::client_async(request, stream);
        let (socket, _) = soon("a handshake", handshake).await.unwrap();
        Self { socket, last_id: 0, pushes: VecDeque::new(), lines: VecDeque::new() }
    }

    /// Says hello; the welcome.
    pub(crate) async fn hello(&mut self, token: &str, resume: Value) -> Value {
        self.ok("hello", json!({ "token": token, "resume": resume })).await
    }

    /// Sends a text as it is.
    pub(crate) async fn send(&mut self, text: &str) {
        let sent = soon("room to send", self.socket.send(Message::text(text))).await;
        // Why nothing can be sent shows in what is received.
        drop(sent);
    }

    /// Writes bytes past the frame machinery.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        let _ = soon("room to send", self.socket.get_mut().write_all(bytes)).await;
    }

    /// Says goodbye; the code the server answers with.
    pub(crate) async fn leave(&mut self, code: u16) -> u16 {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        soon("room to send", self.socket.close(Some(frame))).await.unwrap();
        self.closed().await
    }

    /// How the server ends a connection that answers no ping: bytes are read past the machinery
    /// that would answer.
    pub(crate) async fn closed_without_a_pong(&mut self) -> u16 {
        let stream = self.socket.get_mut();
        loop {
            let mut head = [0; 2];
            soon("a frame", stream.read_exact(&mut head)).await.unwrap();
            let length = match head[1] {
                126 => soon("a length", stream.read_u16()).await.unwrap(),
                length => u16::from(length),
            };
            let mut payload = vec![0; usize::from(length)];
            soon("a payload", stream.read_exact(&mut payload)).await.unwrap();
            if head[0] == 0x88 {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }

    /// The next line or the end, whatever it is.
    pub(crate) async fn next(&mut self) -> Next {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Next::Line(line);
            }
            match soon("a frame", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
                    self.lines.extend(lines);
                }
                Some(Ok(Message::Close(frame))) => {
                    return Next::Closed(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {
                    return Next::Closed(1005);
                }
                Some(Err(_)) => return Next::Closed(1006),
            }
        }
    }

    /// The next reply; pushes on the way are kept.
    #[track_caller]
    pub(crate) fn reply(&mut self) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            loop {
                match self.next().await {
                    Next::Line(line) if line["type"].is_string() => self.pushes.push_back(line),
                    Next::Line(line) => return line,
                    Next::Closed(code) => panic!("{caller}: closed with {code}"),
                }
            }
        }
    }

    /// Sends a request without waiting; its id.
    pub(crate) async fn begin(&mut self, kind: &str, fields: Value) -> u64 {
        self.last_id += 1;
        let mut request = fields;
        request["id"] = Value::from(self.last_id);
        request["type"] = Value::from(kind);
        self.send(&request.to_string()).await;
        self.last_id
    }

    /// Sends a request and waits for its reply.
    #[track_caller]
    pub(crate) fn ask(&mut self, kind: &str, fields: Value) -> impl Future<Output = Value> {
        let (caller, kind) = (std::panic::Location::caller(), kind.to_owned());
        async move {
            let id = self.begin(&kind, fields).await;
            let reply = self.reply().await;
            assert_eq!(reply["re"], id, "{caller}: {reply}");
            reply
        }
    }

    #[track_caller]
    pub(crate) fn ok(&mut self, kind: &str, fields: Value) -> impl Future<Output = Value> {
        let (caller, kind) = (std::panic::Location::caller(), kind.to_owned());
        async move {
            let mut reply = self.ask(&kind, fields).await;
            assert!(reply["ok"].is_object(), "{caller}: {kind}: {reply}");
            reply["ok"].take()
        }
    }

    /// The refusal of a request.
    #[track_caller]
    pub(crate) fn refused(
        &mut self,
        code: &str,
        kind: &str,
        fields: Value,
    ) -> impl Future<Output = Value> {
        let (caller, code, kind) =
            (std::panic::Location::caller(), code.to_owned(), kind.to_owned());
        async move {
            let mut reply = self.ask(&kind, fields).await;
            assert_eq!(reply["error"]["code"], code, "{caller}: {kind}: {reply}");
            reply["error"].take()
        }
    }

    /// A request of the shop `acme` under a command id made from its type and `id`.
    #[track_caller]
    pub(crate) fn command(
        &mut self,
        kind: &str,
        id: &str,
        fields: Value,
    ) -> impl Future<Output = Value> {
        let fields = command_of(id, fields);
        self.ok(kind, fields)
    }

    /// Enters the room `r1`.
    #[track_caller]
    pub(crate) fn join(&mut self) -> impl Future<Output = Value> {
        self.ok("room.join", json!({ "shop": "acme", "room": "r1" }))
    }

    /// The first push of that kind for which `is` holds; the ones before it are forgotten.
    #[track_caller]
    pub(crate) fn push(
        &mut self,
        kind: &str,
        is: impl Fn(&Value) -> bool,
    ) -> impl Future<Output = Value> {
        let (caller, kind) = (std::panic::Location::caller(), kind.to_owned());
        async move {
            loop {
                let line = match self.pushes.pop_front() {
                    Some(push) => Next::Line(push),
                    None => self.next().await,
                };
                match line {
                    Next::Line(line) if line["type"] == kind && is(&line) => return line,
                    Next::Line(_) => {}
                    Next::Closed(code) => panic!("{caller}: closed with {code}, not {kind}"),
                }
            }
        }
    }

    /// How the server ends the connection; what comes before is dropped.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Next::Closed(code) = self.next().await {
                return code;
            }
        }
    }
}

/// The fields of a command for the shop `acme`.
pub(crate) fn command_of(id: &str, mut fields: Value) -> Value {
    fields["shop"] = Value::from("acme");
    fields["command_id"] = Value::from(id);
    fields
}
