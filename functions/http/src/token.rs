//! `API_TOKEN`: who may ask.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use wire::{Code, Problem};

/// The token that requests must bring. Only its digest is kept.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// `API_TOKEN` of the environment, without white space around it; `None` where it is unset or empty.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        // Bytes, not text: a token that is no UTF-8 must not open the door.
        std::env::var_os("API_TOKEN").and_then(|value| Self::new(value.as_encoded_bytes()))
    }

    fn new(token: &[u8]) -> Option<Self> {
        let token = token.trim_ascii();
        (!token.is_empty()).then(|| Self(Sha256::digest(token).into()))
    }

    /// Whether `Authorization: Bearer …` brings this token. Digests are compared, in constant time, so that neither
    /// the token's length nor its beginning can be found by timing.
    ///
    /// # Errors
    /// `unauthorized`.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let given = headers.get(AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.as_bytes().split_at_checked(b"Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token.trim_ascii())
        });
        match given {
            Some(token) if bool::from(Sha256::digest(token).as_slice().ct_eq(&self.0)) => Ok(()),
            Some(_) => Err(unauthorized("Invalid token. It must be the server's API_TOKEN.")),
            None => Err(unauthorized("Missing token. Send the header Authorization: Bearer <token>.")),
        }
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(Code::Unauthorized, detail)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn passes(token: &Token, authorization: &'static [u8]) -> bool {
        let value = HeaderValue::from_bytes(authorization).unwrap();
        token.check(&HeaderMap::from_iter([(AUTHORIZATION, value)])).is_ok()
    }

    #[test]
    fn only_the_whole_token_passes() {
        let token = Token::new(b" s\xc3\xa9same \n").unwrap();
        for good in [&b"Bearer s\xc3\xa9same"[..], b"bearer s\xc3\xa9same", b"BEARER   s\xc3\xa9same "] {
            assert!(passes(&token, good));
        }
        for bad in [&b""[..], b"Bearer", b"Bearer ", b"Bearer s\xc3\xa9sam", b"s\xc3\xa9same", b"Basic s\xc3\xa9same"] {
            assert!(!passes(&token, bad));
        }
        assert!(token.check(&HeaderMap::new()).is_err());
        assert!(Token::new(b" \n").is_none());
    }

    #[test]
    fn it_is_never_printed() {
        assert!(!format!("{:?}", Token::new(b"sesame").unwrap()).contains("sesame"));
    }
}
