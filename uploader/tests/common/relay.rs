//! A link between two programs of this machine: it takes time and has a rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep_until};

/// What is read at once; little, so that a sender feels the rate.
const CHUNK: usize = 16 << 10;

/// A relay in front of a server. A connection's first byte waits for one more round trip, as it would for TCP's
/// handshake, which the relay itself has already answered.
pub struct Relay {
    pub address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

/// Both ways have the same length and, each for itself, the same rate.
#[derive(Debug, Clone, Copy)]
pub struct LinkShape {
    pub round_trip: Duration,
    /// `None` is endless.
    pub bytes_per_second: Option<f64>,
}

impl Relay {
    pub fn start(to: SocketAddr, shape: LinkShape) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(async { listen() });
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            // All connections share the link.
            let (up, down) = (Arc::new(Mutex::new(Instant::now())), Arc::new(Mutex::new(Instant::now())));
            while let Ok((near, _)) = listener.accept().await {
                let (up, down) = (Arc::clone(&up), Arc::clone(&down));
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(to).await else { return };
                    near.set_nodelay(true).unwrap();
                    far.set_nodelay(true).unwrap();
                    let (near_in, near_out) = near.into_split();
                    let (far_in, far_out) = far.into_split();
                    let established = Instant::now() + shape.round_trip;
                    tokio::spawn(carry(near_in, far_out, shape, up, established));
                    carry(far_in, near_out, shape, down, established).await;
                });
            }
        });
        Self { address, _runtime: runtime }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

/// With small buffers: what a sender has sent should be under shape, not in the relay's pocket.
fn listen() -> tokio::net::TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2 * CHUNK as u32).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    socket.listen(1024).unwrap()
}

async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin + Send + 'static,
    shape: LinkShape,
    free: Arc<Mutex<Instant>>,
    established: Instant,
) {
    // What is under shape does not keep the rest from setting out.
    let (send, mut under_way) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let arrival = tokio::spawn(async move {
        while let Some((at, bytes)) = under_way.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    });
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        let gone = {
            let mut free = free.lock().await;
            let takes = shape.bytes_per_second.map_or(0.0, |rate| count as f64 / rate);
            *free = (*free).max(Instant::now()).max(established) + Duration::from_secs_f64(takes);
            *free
        };
        if send.send((gone + shape.round_trip / 2, chunk[..count].to_vec())).is_err() {
            break;
        }
        sleep_until(gone).await;
    }
    drop(send);
    let _ = arrival.await;
}
