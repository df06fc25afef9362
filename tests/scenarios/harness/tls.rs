//! Certificates of the test's own making, and TLS in front of a mock LLM.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate authority nobody else knows.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Not the name all certificates have, or each would seem to have signed itself.
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        Self { issuer }
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// What a server says who it is that goes by `name`.
    pub(crate) fn server(&self, name: &str) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let chain = vec![certificate.der().clone()];
        let mut config = config.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

/// Takes TLS off what comes in and passes it on. Dropping it closes every connection.
pub(super) struct Front {
    accepting: JoinHandle<()>,
    socket: PathBuf,
    names: Arc<Mutex<Vec<String>>>,
}

impl Front {
    pub(super) fn start(socket: &Path, server: Arc<ServerConfig>, behind: PathBuf) -> Self {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).unwrap();
        let names = Arc::new(Mutex::new(Vec::new()));
        let acceptor = TlsAcceptor::from(server);
        let seen = Arc::clone(&names);
        let accepting = tokio::spawn(async move {
            // Ends all connections when this task is aborted.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let relay = relay(stream, acceptor.clone(), behind.clone(), Arc::clone(&seen));
                connections.spawn(relay);
            }
        });
        Self {
            accepting,
            socket: socket.to_owned(),
            names,
        }
    }

    /// The server name that each client asked for so far.
    pub(super) fn server_names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = std::fs::remove_file(&self.socket);
    }
}

async fn relay(
    stream: UnixStream,
    acceptor: TlsAcceptor,
    behind: PathBuf,
    names: Arc<Mutex<Vec<String>>>,
) {
    // A client that does not trust us hangs up: that is its right.
    let Ok(mut outside) = acceptor.accept(stream).await else {
        return;
    };
    let name = outside.get_ref().1.server_name().unwrap_or_default();
    names.lock().unwrap().push(name.to_owned());
    let mut inside = UnixStream::connect(behind).await.expect("a mock LLM");
    let _ = copy_bidirectional(&mut outside, &mut inside).await;
}
