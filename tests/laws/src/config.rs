//! Configurations, of each filter.

use std::rc::Rc;

use cost::Cost;
use model_router::ModelRouter;
use pii_redact::PiiRedact;
use token_limit::TokenLimit;
use weir_policy::Policy;
use weir_testkit::script::{Message, Play};

use crate::choice;

/// Whatever an operator writes is refused with a word about it, or runs.
fn runs_or_is_refused<P: Policy>(json: &[u8]) {
    match P::configure(json) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(policy) => {
            let body = r#"{"model":"gpt-4o","max_tokens":9,"messages":[{"role":"user","content":"write to jane.roe@example.org"}]}"#;
            let request = Message::post("/v1/chat/completions", body).with("x-team", "a");
            let answer = r#"{"model":"gpt-4o","choices":[{"message":{"content":"[EMAIL_1]"}}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}"#;
            let outcome = Play::default().run(&Rc::new(policy), &request, |_| {
                Message::answer("application/json", answer)
            });
            let status = outcome.status();
            assert!(status.len() == 3, "{status:?}");
        }
    }
}

/// For one of the filters.
pub fn config(mut bytes: &[u8]) {
    match choice(&mut bytes, 4) {
        0 => runs_or_is_refused::<ModelRouter>(bytes),
        1 => runs_or_is_refused::<PiiRedact>(bytes),
        2 => runs_or_is_refused::<TokenLimit>(bytes),
        _ => runs_or_is_refused::<Cost>(bytes),
    }
}
