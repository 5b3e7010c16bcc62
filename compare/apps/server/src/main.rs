//! A web service and its clients on the loopback: JSON in, JSON out, over a bounded number of connections.

use allocator::{Checksum, Input, measure};
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: u64 = 16;
const REQUESTS: usize = 3_000;
const THREADS: usize = 4;

#[derive(Clone, Serialize, Deserialize)]
struct Order {
    customer: String,
    lines: Vec<Line>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Line {
    title: String,
    count: u32,
    cents: u64,
}

type Orders = Arc<RwLock<HashMap<String, Order>>>;

async fn put(State(orders): State<Orders>, Path(id): Path<String>, Json(order): Json<Order>) -> Json<u64> {
    let total = order.lines.iter().map(|line| u64::from(line.count) * line.cents).sum();
    orders.write().expect("no thread panics").insert(id, order);
    Json(total)
}

async fn find(
    State(orders): State<Orders>,
    Path(id): Path<String>,
    Query(wish): Query<HashMap<String, String>>,
) -> Json<Option<Order>> {
    let mut order = orders.read().expect("no thread panics").get(&id).cloned();
    if let (Some(order), Some(least)) = (&mut order, wish.get("least").and_then(|least| least.parse::<u32>().ok())) {
        order.lines.retain(|line| line.count >= least);
    }
    Json(order)
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().expect("a runtime");
    measure(|| {
        let orders = Orders::default();
        let total = runtime.block_on(serve(orders.clone()));
        (total, (orders, runtime))
    });
}

async fn serve(orders: Orders) -> u64 {
    let application =
        Router::new().route("/orders/{id}", post(put)).route("/orders/{id}", get(find)).with_state(orders);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let server = tokio::spawn(async move { axum::serve(listener, application).await });
    let clients: Vec<_> = (0..CONNECTIONS).map(|number| tokio::spawn(client(port, number))).collect();
    let mut total = 0_u64;
    for client in clients {
        total = total.wrapping_add(client.await.expect("no client panics"));
    }
    server.abort();
    total
}

/// One connection, kept alive, one request after the other. Its orders are its own, so that answers do not depend on
/// the other connections.
async fn client(port: u16, number: u64) -> u64 {
    let mut input = Input::new(300 + number);
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens"));
    let mut checksum = Checksum::default();
    for _ in 0..REQUESTS {
        let id = format!("{number}-{}", input.below(300));
        let request = if input.below(3) == 0 {
            format!("GET /orders/{id}?least={} HTTP/1.1\r\nhost: here\r\n\r\n", input.below(4))
        } else {
            let lines = (0..1 + input.below(12))
                .map(|_| Line { title: input.words(3), count: input.below(6) as u32, cents: input.below(9999) as u64 })
                .collect();
            let body = serde_json::to_string(&Order { customer: input.words(2), lines }).expect("it can be printed");
            format!(
                "POST /orders/{id} HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        stream.get_mut().write_all(request.as_bytes()).await.expect("the connection holds");
        checksum.add(answer(&mut stream).await);
    }
    checksum.value()
}

/// The body of one answer.
async fn answer(stream: &mut BufReader<TcpStream>) -> Vec<u8> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        stream.read_line(&mut line).await.expect("the connection holds");
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        assert!(!header.starts_with("http/1.1") || header.contains(" 200 "), "{header}");
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("the connection holds");
    body
}
