//! OpenAI embeddings: small vectors that depend on the input alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::answer::Answer;
use crate::json::{Json, Object};

/// The length of a vector when the request does not say.
const DIMENSIONS: u64 = 8;

/// The longest vector that is made.
const MAX_DIMENSIONS: u64 = 4096;

/// One vector per input.
pub(super) fn whole(answer: &Answer<'_>) -> Json {
    let body = &answer.ask.body;
    let dimensions = body["dimensions"].as_u64().unwrap_or(DIMENSIONS);
    let dimensions = dimensions.clamp(1, MAX_DIMENSIONS);
    let base64 = body["encoding_format"] == "base64";
    let inputs = match &body["input"] {
        // A flat list of token ids is one input.
        Value::Array(items) if !items.iter().any(Value::is_number) => items.as_slice(),
        input => std::slice::from_ref(input),
    };
    let data: Vec<Json> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(&input.to_string(), dimensions);
            let item = Object::new()
                .field("object", "embedding")
                .field("index", index);
            match base64 {
                true => item.field("embedding", encode(&vector)).end(),
                false => item.field("embedding", vector).end(),
            }
        })
        .collect();
    let usage = answer.usage(|tokens| {
        Object::new()
            .field("prompt_tokens", tokens.input)
            .field("total_tokens", tokens.input)
            .end()
    });
    Object::new()
        .field("object", "list")
        .field("data", data)
        .field("model", &answer.model)
        .field_if("usage", usage)
        .end()
}

/// A vector of numbers between -1 and 1, by FNV-1a over the input and the position.
fn vector(input: &str, dimensions: u64) -> Vec<f32> {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let seed = input.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    let number = |position: u64| {
        let hash = position.to_le_bytes().into_iter().fold(seed, fnv);
        let [low, high, ..] = hash.to_le_bytes();
        f32::from(i16::from_le_bytes([low, high])) / 32768.0
    };
    (0..dimensions).map(number).collect()
}

/// The wire form that the Python SDK asks for: little-endian floats in base64.
fn encode(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|n| n.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}
