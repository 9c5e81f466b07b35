//! The data plane alone, for measuring: `gate LISTEN BACKEND [ROUTES]`.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use base::Time;
use engine_proxy::{Answered, Gateway, Passed, Peer};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ports::gateway::{
    Access, Backend, Gateway as _, Match, Owned, PathMatch, Placed, Route, Rule, Table, Target,
};

fn placed<T>(name: String, spec: T) -> Placed<T> {
    let place = Owned { org: "default".to_owned(), project: "default".to_owned(), name };
    Placed { place, created: Time::from_micros(0), spec }
}

fn route(number: usize) -> Placed<Route> {
    let path = PathMatch { value: format!("/r{number}"), ..PathMatch::default() };
    let rule = Rule {
        matches: vec![Match { path: Some(path), ..Match::default() }],
        backends: vec![Target { name: "b".to_owned(), weight: 1 }],
        ..Rule::default()
    };
    let spec = Route { access: Access::Public, rules: vec![rule], ..Route::default() };
    placed(format!("r{number}"), spec)
}

async fn serve(
    gateway: Arc<Gateway>,
    request: Request<Incoming>,
    address: SocketAddr,
) -> Result<Response<Answered>, Infallible> {
    Ok(match gateway.pass(request, Peer { address, secure: false }).await {
        Passed::Answered(response) => response,
        Passed::Own(..) => Response::new(Answered::Empty),
        Passed::Refused(refusal) => {
            let mut response = Response::new(Answered::Empty);
            *response.status_mut() =
                http::StatusCode::from_u16(refusal.error.status().code()).unwrap_or_default();
            response
        }
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().collect();
    let [_, listen, backend, rest @ ..] = words.as_slice() else {
        return Err("gate LISTEN BACKEND [ROUTES]".into());
    };
    let routes: usize = rest.first().map_or(Ok(1), |text| text.parse())?;
    let gateway = Gateway::new(engine_fetch::Egress::parse("127.0.0.0/8")?);
    gateway.apply(Table {
        routes: (0..routes).map(route).collect(),
        backends: vec![placed(
            "b".to_owned(),
            Backend { addresses: vec![backend.clone()], ..Backend::default() },
        )],
        ..Table::default()
    });
    let listener = tokio::net::TcpListener::bind(listen).await?;
    loop {
        let (stream, address) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move {
            let service = service_fn(move |request| serve(Arc::clone(&gateway), request, address));
            let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new());
            let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
        });
    }
}
