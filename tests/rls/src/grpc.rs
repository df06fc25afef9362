//! gRPC as far as one unary call needs it: a length before a message, a status in the trailers.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prost::Message;

pub(crate) type Body = BoxBody<Bytes, std::convert::Infallible>;

/// What went wrong, by gRPC's numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Status {
    Unknown = 2,
    Unimplemented = 12,
    Internal = 13,
}

/// The message of a request.
pub(crate) fn read<M: Message + Default>(body: &[u8]) -> Result<M, &'static str> {
    let (head, message) = body.split_first_chunk::<5>().ok_or("no message")?;
    let [compressed, length @ ..] = *head;
    if compressed != 0 {
        return Err("a compressed message");
    }
    if usize::try_from(u32::from_be_bytes(length)) != Ok(message.len()) {
        return Err("a message of another length");
    }
    M::decode(message).map_err(|_| "a message that cannot be read")
}

/// A message as it goes over the wire.
pub(crate) fn framed(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    let mut out = BytesMut::with_capacity(message.len() + 5);
    out.put_u8(0);
    out.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(&message);
    out.freeze()
}

pub(crate) fn answer(message: &impl Message) -> Response<Body> {
    let trailers = async {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        Some(Ok(trailers))
    };
    with_type(Full::new(framed(message)).with_trailers(trailers).boxed())
}

pub(crate) fn error(status: Status, message: &str) -> Response<Body> {
    let mut response = with_type(Empty::new().boxed());
    let headers = response.headers_mut();
    headers.insert("grpc-status", HeaderValue::from(status as u16));
    let message = utf8_percent_encode(message, NON_ALPHANUMERIC).to_string();
    if let Ok(message) = HeaderValue::from_str(&message) {
        headers.insert("grpc-message", message);
    }
    response
}

fn with_type(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", grpc);
    response
}
