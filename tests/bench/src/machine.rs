//! What the kernel says: processor time and memory of processes, what machine this is; and
//! which core a process runs on.

use std::fs;
use std::process::Command;

/// The processor time a process has used so far, user and system, in nanoseconds, over its
/// threads. The scheduler's own account, since `utime` and `stime` count in hundredths of a second.
pub(crate) fn cpu_ns(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process is running");
    let times = tasks.map(|task| {
        let file = task.expect("a thread").path().join("schedstat");
        let text = fs::read_to_string(file).expect("a kernel with CONFIG_SCHED_INFO");
        let first = text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok());
        first.expect("nanoseconds come first")
    });
    times.sum()
}

/// Puts all threads of a process on one core.
///
/// # Panics
/// Where `taskset` (util-linux) is missing.
pub(crate) fn pin(pid: u32, core: usize) {
    let arguments = ["-a", "-c", "-p", &core.to_string(), &pid.to_string()];
    let output = Command::new("taskset").args(arguments).output();
    let output = output.expect("taskset, of util-linux, is installed");
    assert!(output.status.success(), "{output:?}");
}

/// How many cores this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The machine and the versions of everything measured.
pub(crate) fn describe() -> Vec<String> {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix(name));
        found.map_or_else(String::new, |rest| {
            rest.trim_start_matches([' ', '\t', ':']).to_owned()
        })
    };
    let memory_kib = field("/proc/meminfo", "MemTotal:");
    let memory_kib = memory_kib
        .trim_end_matches(" kB")
        .parse::<u64>()
        .unwrap_or(0);
    let envoy = weir_testkit::envoy::envoy_binary().display().to_string();
    let envoy = says(&envoy, "--version");
    // `… version: COMMIT/VERSION/…`
    let envoy = envoy.split('/').rev().nth(3).unwrap_or(&envoy).to_owned();
    let row = |name: &str, value: String| format!("- {name}: {value}");
    vec![
        row(
            "processor",
            format!(
                "{}, {} cores",
                field("/proc/cpuinfo", "model name"),
                cores()
            ),
        ),
        row("memory", format!("{} GiB", memory_kib.div_ceil(1 << 20))),
        row("kernel", field("/proc/sys/kernel/osrelease", "")),
        row("Envoy", envoy),
        row("compiler", says("rustc", "--version")),
        row(
            "Weir",
            format!(
                "commit {}",
                std::env::var("WEIR_COMMIT").unwrap_or_else(|_| "unknown".to_owned())
            ),
        ),
    ]
}

fn says(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    String::from_utf8_lossy(&text).trim().to_owned()
}
