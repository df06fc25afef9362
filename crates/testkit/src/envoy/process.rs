//! Finding the files to run, and running Envoy so that it cannot be left behind.

use std::env;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};

/// The Envoy to test with: `$ENVOY`, else `.tools/envoy` in the workspace, else `envoy`
/// from the `PATH`.
///
/// # Panics
/// When there is none.
pub fn envoy_binary() -> PathBuf {
    let in_path = || {
        let dirs = env::var_os("PATH").unwrap_or_default();
        let mut files = env::split_paths(&dirs).map(|dir| dir.join("envoy"));
        files.find(|file| file.is_file())
    };
    let in_workspace = || Some(workspace().join(".tools/envoy")).filter(|file| file.is_file());
    let told = env::var_os("ENVOY").map(PathBuf::from);
    match told.or_else(in_workspace).or_else(in_path) {
        Some(file) => file,
        None => panic!("no Envoy: run `make envoy`, or set ENVOY to one"),
    }
}

/// The module `<name>.wasm`, from `$WEIR_WASM_DIR` or `target/weir` in the workspace.
///
/// # Panics
/// When it has not been built.
pub fn module(name: &str) -> PathBuf {
    let found = find_module(name);
    found.unwrap_or_else(|| panic!("no module {name}: run `make filters`"))
}

/// The same, if it has been built.
pub fn find_module(name: &str) -> Option<PathBuf> {
    let told = env::var_os("WEIR_WASM_DIR").map(PathBuf::from);
    let dir = told.unwrap_or_else(|| workspace().join("target/weir"));
    let file = dir.join(name).with_extension("wasm");
    file.is_file().then_some(file)
}

fn workspace() -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_dir.join("../..").canonicalize();
    root.expect("the crate lies in a workspace")
}

/// Where the Envoy living in `dir` writes its own log.
pub(super) fn log_file(dir: &Path) -> PathBuf {
    dir.join("envoy.log")
}

/// Runs Envoy in `dir`, on `envoy.json`, its clock so far ahead of ours.
pub(super) fn spawn(dir: &Path, workers: u32, clock_ahead_s: u64) -> Child {
    // Standard error rather than `--log-path`: V8's last words go there too.
    let log = File::create(log_file(dir)).expect("a log file");
    let also_log = log.try_clone().expect("a second handle of the log file");
    let mut command = Command::new(envoy_binary());
    command
        .arg("-c")
        .arg(dir.join("envoy.json"))
        .args(["--concurrency", &workers.to_string()])
        .args([
            "-l",
            "info",
            "--component-log-level",
            "main:warning,wasm:info",
        ])
        // Envoys side by side, access logs at once, old listeners gone soon.
        .arg("--disable-hot-restart")
        .args(["--file-flush-interval-msec", "20"])
        .args(["--drain-time-s", "5"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(also_log)
        .stderr(log);
    if clock_ahead_s > 0 {
        command
            .env("LD_PRELOAD", clock_library())
            .env("WEIR_CLOCK_AHEAD", clock_ahead_s.to_string());
    }
    die_with_parent(&mut command);
    run(command).expect("Envoy can be run")
}

/// The library that sets a clock ahead, compiled when it is not there or its source is newer.
fn clock_library() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clock.rs");
    let library = workspace().join("target/libweir_clock.so");
    let modified = |file: &Path| file.metadata().and_then(|file| file.modified()).ok();
    if modified(&library) < modified(&source) {
        // Tests run side by side: whoever is last puts the same there.
        let new = library.with_extension(std::process::id().to_string());
        let compiled = Command::new("rustc")
            .args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-o"])
            .args([&new, &source])
            .status()
            .expect("rustc runs");
        assert!(compiled.success(), "{}", source.display());
        std::fs::rename(&new, &library).expect("the library is in its place");
    }
    library
}

/// Has the kernel kill the process when the thread that spawned it ends.
fn die_with_parent(command: &mut Command) {
    // SAFETY: the closure runs between fork and exec, where only async-signal-safe
    // calls are allowed: `prctl` is a bare system call and it touches no memory.
    unsafe {
        command.pre_exec(
            || match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            },
        );
    }
}

/// Spawns from one thread that lives as long as the test run: tests run in threads that
/// end, and an Envoy may be shared by several tests.
fn run(command: Command) -> io::Result<Child> {
    type Job = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<mpsc::Sender<Job>> = LazyLock::new(|| {
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in queue {
                let _ = answer.send(command.spawn());
            }
        });
        jobs
    });
    let (answer, child) = mpsc::channel();
    let gone = || io::Error::other("the spawning thread has ended");
    SPAWNER.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}
