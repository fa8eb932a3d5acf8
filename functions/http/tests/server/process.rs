//! A running `detect-http`.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::{Answer, Connection};

/// What nothing here should take, however busy the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// The command with the fixture model and nothing of the environment that would change it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_detect-http"));
    for name in ["LISTEN", "API_TOKEN", "AWS_LAMBDA_RUNTIME_API", "CONFIDENCE", "MAX_IMAGE_BYTES", "RUST_LOG"] {
        command.env_remove(name);
    }
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/fixtures/yolox");
    command.env("MODEL", model).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Server {
    /// Starts it on a free port and waits until it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    pub(crate) fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = command();
        let mut child =
            command.args(["--listen", "0"]).args(arguments).envs(variables.iter().copied()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let (log, mut errors) = (Arc::new(Mutex::new(String::new())), child.stderr.take().unwrap());
        let reader = std::thread::spawn({
            let log = Arc::clone(&log);
            move || {
                let mut part = [0; 4096];
                while let Ok(length @ 1..) = errors.read(&mut part) {
                    log.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..length]));
                }
            }
        });
        let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')).unwrap_or_default();
        let address = address.parse().unwrap_or_else(|_| panic!("{line:?} is no address: {}", log.lock().unwrap()));
        let mut server = Self { child, address, log, reader: Some(reader) };
        server.wait_until("it is ready", |server| server.get("/health").status == 200);
        server
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.connect().get(path)
    }

    /// What it wrote to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn wait_until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < PATIENCE, "{what} is not so: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Resident memory in kB.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most resident memory it ever had, in kB.
    pub(crate) fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Processor time used so far.
    pub(crate) fn processor_time(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        // Nanoseconds on a processor, the first figure.
        let ran = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let nanoseconds = tasks.map(|task| ran(task.unwrap()).split(' ').next().unwrap().parse().unwrap_or(0));
        Duration::from_nanos(nanoseconds.sum())
    }

    /// Waits until it is at work on a long request, which is more than to receive it.
    pub(crate) fn wait_until_at_work(&mut self) {
        let before = self.processor_time();
        self.wait_until("it is at work", |server| server.processor_time() > before + Duration::from_millis(150));
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Waits for its end; gives the exit status and what it wrote to standard output after its first line.
    pub(crate) fn ended(&mut self) -> (ExitStatus, String) {
        self.wait_until("it has ended", |server| server.child.try_wait().unwrap().is_some());
        self.reader.take().unwrap().join().unwrap();
        let mut rest = String::new();
        self.child.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A small photo.
pub(crate) fn photo() -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../detector/tests/photos/lossy.webp");
    std::fs::read(path).unwrap()
}

/// A JPEG with this many pixels at each side, of a few kilobytes.
pub(crate) fn flat_photo(side: u32) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(side, side, image::Rgb([90; 3])).write_to(&mut file, image::ImageFormat::Jpeg).unwrap();
    file.into_inner()
}
