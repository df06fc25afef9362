//! WebSockets: the handshake is real, after it every byte comes back as it was sent.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};

use crate::body::Body;
use crate::exchange::Upstream;

/// RFC 6455's constant for the proof that a server speaks WebSocket.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether a request asks for a WebSocket.
pub(crate) fn is_asked_for(headers: &HeaderMap, method: &Method) -> bool {
    let upgrade = headers.get(UPGRADE).map(HeaderValue::as_bytes);
    *method == Method::GET && upgrade.is_some_and(|v| v.eq_ignore_ascii_case(b"websocket"))
}

/// Accepts a WebSocket and echoes in the background until either side ends.
pub(crate) fn accept(
    headers: &HeaderMap,
    upgrade: OnUpgrade,
    upstream: Arc<Upstream>,
) -> Response<Body> {
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
        tokio::select! {
            // An error means that the client is gone, which is an end like any other.
            _ = tokio::io::copy(&mut read, &mut write) => {}
            () = upstream.stop.notified() => {}
        }
    });

    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Some(key) = headers.get(SEC_WEBSOCKET_KEY) {
        let proof = Sha1::new().chain_update(key.as_bytes()).chain_update(GUID);
        let proof = STANDARD.encode(proof.finalize());
        answer.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::try_from(proof).unwrap());
    }
    response
}
