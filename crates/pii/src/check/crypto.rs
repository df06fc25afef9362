//! Addresses and keys of crypto currencies.

use sha2::{Digest, Sha256};

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The payload of base58check without its checksum (Bitcoin's address format): version byte and
/// hash. Bounded: nothing longer than a private key is decoded.
fn base58check(text: &[u8]) -> Option<([u8; 38], usize)> {
    let mut number = [0_u8; 42];
    let mut len = 0;
    if text.len() > 52 {
        return None;
    }
    for &byte in text {
        let mut carry = BASE58.iter().position(|&known| known == byte)?;
        for place in number.iter_mut().rev().take(len) {
            carry += usize::from(*place) * 58;
            *place = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        while carry > 0 {
            len += 1;
            let at = number.len().checked_sub(len)?;
            *number.get_mut(at)? = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
    }
    // A leading `1` is a leading zero byte.
    len += text.iter().take_while(|&&byte| byte == b'1').count();
    let bytes = number.get(number.len().checked_sub(len)?..)?;
    let (payload, checksum) = bytes.split_at_checked(len.checked_sub(4)?)?;
    let hash = Sha256::digest(Sha256::digest(payload));
    let mut copy = [0; 38];
    copy.get_mut(..payload.len())?.copy_from_slice(payload);
    hash.starts_with(checksum).then_some((copy, payload.len()))
}

/// An address of Bitcoin, Litecoin, Dogecoin, Dash or Tron: base58check, 20 bytes after one of
/// their version bytes (chainparams of each).
pub(crate) fn base58_address(text: &[u8]) -> bool {
    (26..=35).contains(&text.len())
        && base58check(text).is_some_and(|(payload, len)| {
            let version = payload.first().copied().unwrap_or(1);
            len == 21
                && matches!(
                    version,
                    0x00 | 0x05 | 0x1e | 0x16 | 0x30 | 0x32 | 0x41 | 0x4c
                )
        })
}

/// A private key of Bitcoin in the wallet import format: base58check of 0x80 and 32 bytes.
pub(crate) fn wallet_key(text: &[u8]) -> bool {
    (51..=52).contains(&text.len())
        && base58check(text).is_some_and(|(payload, len)| {
            payload.first() == Some(&0x80) && (33..=34).contains(&len)
        })
}

/// A SegWit or Cardano address: bech32 (BIP 173) or bech32m (BIP 350), all in one case.
pub(crate) fn bech32(text: &[u8]) -> bool {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let Some(separator) = text.iter().rposition(|&byte| byte == b'1') else {
        return false;
    };
    let Some((human, data)) = text.split_at_checked(separator) else {
        return false;
    };
    let upper = text.iter().any(u8::is_ascii_uppercase);
    if data.len() < 7 || text.len() > 120 || upper && text.iter().any(u8::is_ascii_lowercase) {
        return false;
    }
    let mut state = 1_u32;
    let mut feed = |value: u32| {
        let top = state >> 25;
        state = (state & 0x1ff_ffff) << 5 ^ value;
        for (bit, generator) in [
            0x3b6a_57b2,
            0x2650_8e6d,
            0x1ea1_19fa,
            0x3d42_33dd,
            0x2a14_62b3,
        ]
        .into_iter()
        .enumerate()
        {
            if top >> bit & 1 == 1 {
                state ^= generator;
            }
        }
    };
    human
        .iter()
        .for_each(|byte| feed(u32::from(byte.to_ascii_lowercase() >> 5)));
    feed(0);
    human
        .iter()
        .for_each(|byte| feed(u32::from(byte.to_ascii_lowercase() & 31)));
    for byte in data.iter().skip(1).map(u8::to_ascii_lowercase) {
        match ALPHABET.iter().position(|&known| known == byte) {
            Some(value) => feed(u32::try_from(value).unwrap_or(0)),
            None => return false,
        }
    }
    matches!(state, 1 | 0x2bc8_30a3)
}
