//! The first message. Consumed by it: nothing else can be asked before.

use std::sync::Arc;

use hawker_protocol::{CloseCode, Code, Refusal, Request, RequestId, codec, request};

use super::Surroundings;
use super::conversation::{Conversation, send_line};
use crate::edge::auth::{Error, Identity};
use crate::edge::service::wire_auth;
use crate::hub::{NotAdmitted, Reader};
use hawker_domain::Role;

/// A connection that has not said who it is.
pub(super) struct Greeting {
    around: Arc<Surroundings>,
    /// Who the `Authorization` header proved; browsers cannot send one.
    bearer: Option<Box<Identity>>,
}

impl Greeting {
    pub(super) fn new(around: Arc<Surroundings>, bearer: Option<Box<Identity>>) -> Self {
        Self { around, bearer }
    }

    /// The conversation, if the message is a hello that holds. A greeting has one try: a client
    /// that is not understood here would not be later.
    pub(super) async fn on_message(
        self,
        reader: &mut Reader,
        message: &str,
    ) -> Result<Conversation, CloseCode> {
        let mut parsed = codec::parse_frame(message);
        let (id, hello) = match parsed.next() {
            Some(Ok((id, Request::Hello(hello)))) => (id, hello),
            Some(Ok((id, _))) => {
                refuse(reader, Some(id), &Refusal::new(Code::HelloFirst));
                return Err(CloseCode::BadHello);
            }
            Some(Err((id, refusal))) => {
                refuse(reader, id, &refusal);
                return Err(CloseCode::BadHello);
            }
            None => return Err(CloseCode::BadHello),
        };
        let identity = match self.identify(&hello) {
            Ok(identity) => identity,
            Err(error) => {
                refuse(reader, Some(id), &wire_auth(error));
                return Err(close_code(error));
            }
        };
        let mut conversation = self.admit(reader, identity).inspect_err(|_| {
            refuse(reader, Some(id), &Refusal::new(Code::TooManyConnections));
        })?;
        conversation.attend().await;
        let resumed = conversation.resume(&hello).await;
        conversation.welcome(id, resumed);
        // What came in the same frame as the hello is the conversation's first part.
        for parsed in parsed {
            conversation.on_parsed(parsed).await?;
        }
        Ok(conversation)
    }

    fn identify(&self, hello: &request::Hello) -> Result<Identity, Error> {
        let verifier = self.around.service.verifier();
        match (&hello.token, &self.bearer) {
            (Some(token), _) => verifier.verify(token),
            (None, Some(bearer)) => verifier.still_valid(bearer).map(|()| Identity::clone(bearer)),
            (None, None) => Err(Error::Missing),
        }
    }

    fn admit(&self, reader: &Reader, identity: Identity) -> Result<Conversation, CloseCode> {
        let is_staff = identity.roles.iter().any(|role| *role != Role::Buyer);
        let connection = reader.connection().clone();
        if is_staff {
            connection.serve_as_staff();
        }
        let per_user_max = self.around.options.connections_per_user_max;
        let admitted = self.around.connections().admit(&connection, &identity.user, per_user_max);
        match admitted {
            Ok(registration) => Ok(Conversation::new(self.around.clone(), registration, identity)),
            Err(NotAdmitted::TooMany) => Err(CloseCode::TooManySockets),
            Err(NotAdmitted::AlreadyIdentified) => Err(CloseCode::Internal),
        }
    }
}

fn close_code(error: Error) -> CloseCode {
    match error {
        Error::Expired => CloseCode::TokenExpired,
        Error::Missing
        | Error::TooLarge { .. }
        | Error::Malformed
        | Error::UnknownKey
        | Error::WrongAlgorithm
        | Error::BadSignature
        | Error::BadClaims(_)
        | Error::WrongIssuer
        | Error::WrongAudience
        | Error::NotYet
        | Error::Revoked => CloseCode::InvalidToken,
    }
}

fn refuse(reader: &Reader, id: Option<RequestId>, refusal: &Refusal) {
    let mut line = Vec::new();
    codec::encode_refusal(id, refusal, &mut line);
    send_line(reader.connection(), &line);
}
