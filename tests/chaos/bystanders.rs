//! Those who did nothing wrong, and are served as ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use weir_testkit::books::{Audit, Used, chat, said};
use weir_testkit::client::Client;
use weir_testkit::rig::Rig;

/// Their team.
pub(crate) const TEAM: &str = "bystanders";
const VALUE: &str = "jane.roe@example.org";

/// Requests, whole and streamed, one after the other on a few connections, until stopped.
pub(crate) struct Bystanders {
    stop: Arc<AtomicBool>,
    sending: JoinSet<usize>,
}

impl Bystanders {
    /// Starts them on these clients: pinned ones stay on their worker.
    pub(crate) fn start(clients: Vec<Client>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut sending = JoinSet::new();
        for client in clients {
            let stop = Arc::clone(&stop);
            sending.spawn(async move {
                let mut sent = 0;
                while !stop.load(Ordering::Relaxed) {
                    let tokens = 1 + sent as u64 % 30;
                    let request = chat(TEAM, tokens, &format!("write to {VALUE}"), sent % 2 == 0);
                    let answer = client.send(request).await.ok();
                    assert_eq!(answer.status, 200, "{answer:?}");
                    let words = said(&answer).split_whitespace().count() as u64;
                    assert_eq!(words, tokens, "{answer:?}");
                    sent += 1;
                    // They are there to be served, not to keep the machine busy.
                    sleep(Duration::from_millis(5)).await;
                }
                sent
            });
        }
        Self { stop, sending }
    }

    /// How many were served.
    ///
    /// # Panics
    /// When one of them was not.
    pub(crate) async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.sending.join_all().await.into_iter().sum()
    }
}

/// Makes sure that the bystanders paid for what the upstream has served them, and that their
/// values stayed here.
pub(crate) fn assert_paid_and_kept(rig: &Rig, audit: &Audit) {
    let upstream = rig.upstream("openai");
    let served = upstream.served(TEAM);
    let expected = Used::of(served.input_tokens, served.output_tokens);
    assert_eq!(audit.team(TEAM), expected, "{served:?}");
    for request in upstream.requests() {
        let body = String::from_utf8_lossy(&request.body);
        assert!(!body.contains(VALUE), "{body}");
        assert!(!body.contains("\"fast\""), "{body}");
    }
}
