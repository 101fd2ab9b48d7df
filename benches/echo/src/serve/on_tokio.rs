//! The peers on tokio: a runtime of one thread, a task for each connection. Messages that are there at once are answered
//! by one flush, which each of them leaves to its user.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream, StreamExt};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use super::Setting;
use super::corked::Corked;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    TokioTungstenite,
    FastWebsockets,
    TokioWebsockets,
    Yawc,
    SockudoWs,
}

type Outcome = Result<(), Box<dyn Error>>;

pub fn run(setting: Setting, kind: Kind) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, accept(setting, kind))
}

async fn accept(setting: Setting, kind: Kind) -> Outcome {
    let listener = TcpListener::from_std(setting.listener)?;
    let tls = setting.tls.map(tokio_rustls::TlsAcceptor::from);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let tls = tls.clone();
        tokio::task::spawn_local(async move {
            match tls {
                Some(tls) => serve(tls.accept(stream).await?, kind).await,
                None => serve::<TcpStream>(stream, kind).await,
            }
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, kind: Kind) -> Outcome {
    match kind {
        Kind::TokioTungstenite => {
            let config = super::tungstenite::config();
            let socket = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?;
            echo(socket, |message| message.is_text() || message.is_binary()).await
        }
        Kind::TokioWebsockets => {
            let config = tokio_websockets::Config::default().flush_threshold(512 << 10);
            let builder = tokio_websockets::ServerBuilder::new().config(config);
            let (_, socket) = builder.accept(Corked::new(stream)).await?;
            echo(socket, |message| message.is_text() || message.is_binary()).await
        }
        Kind::SockudoWs => {
            let mut stream = stream;
            sockudo_ws::handshake::server_handshake(&mut stream).await?;
            let socket = sockudo_ws::WebSocketStream::server(stream, sockudo_ws::Config::default());
            echo(socket, |message| {
                matches!(message, sockudo_ws::Message::Text(_) | sockudo_ws::Message::Binary(_))
            })
            .await
        }
        Kind::Yawc | Kind::FastWebsockets => upgrade(stream, kind).await,
    }
}

/// Answers by hyper, since these two have no handshake of their own, and goes on with the stream itself.
async fn upgrade<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, kind: Kind) -> Outcome {
    let service = service_fn(move |mut request: Request<Incoming>| async move {
        let upgraded = hyper::upgrade::on(&mut request);
        let response = if kind == Kind::Yawc {
            yawc::WebSocket::<yawc::HttpStream>::upgrade(&mut request)
                .map_err(io::Error::other)?
                .0
        } else {
            fastwebsockets::upgrade::upgrade(&mut request)
                .map_err(io::Error::other)?
                .0
        };
        tokio::task::spawn_local(async move {
            let parts = upgraded.await?.downcast::<TokioIo<S>>().map_err(|_| "not our stream")?;
            let stream = parts.io.into_inner();
            if kind == Kind::Yawc {
                yawc_echo(stream).await
            } else {
                fastwebsockets_echo(stream).await
            }
        });
        Ok::<_, io::Error>(response)
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    connection.with_upgrades().await?;
    Ok(())
}

/// Configured as in its own benchmark.
async fn yawc_echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Outcome {
    let options = yawc::Options::default()
        .with_limits(16 << 20, 64 << 20)
        .with_read_buffer_capacity(128 << 10)
        .with_backpressure_boundary(512 << 10)
        .with_utf8();
    let socket = yawc::WebSocket::from_stream(stream, yawc::Role::Server, options)?;
    echo(socket.map(Ok), |frame: &yawc::Frame| {
        matches!(frame.opcode(), yawc::OpCode::Text | yawc::OpCode::Binary)
    })
    .await
}

async fn fastwebsockets_echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Outcome {
    let socket = fastwebsockets::WebSocket::after_handshake(Corked::new(stream), fastwebsockets::Role::Server);
    let mut socket = fastwebsockets::FragmentCollector::new(socket);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            fastwebsockets::OpCode::Close => return Ok(()),
            fastwebsockets::OpCode::Text | fastwebsockets::OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}

/// All that is there, and then one flush.
async fn echo<S, M, E>(mut socket: S, is_data: impl Fn(&M) -> bool) -> Outcome
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    E: Error + 'static,
{
    let mut kept = None;
    poll_fn(|context| turn(Pin::new(&mut socket), context, &mut kept, &is_data)).await
}

fn turn<S, M, E>(
    mut socket: Pin<&mut S>,
    context: &mut Context<'_>,
    kept: &mut Option<M>,
    is_data: &impl Fn(&M) -> bool,
) -> Poll<Outcome>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E>,
    E: Error + 'static,
{
    loop {
        if kept.is_some() {
            ready!(socket.as_mut().poll_ready(context))?;
            if let Some(message) = kept.take() {
                socket.as_mut().start_send(message)?;
            }
        }
        match socket.as_mut().poll_next(context)? {
            Poll::Ready(Some(message)) if is_data(&message) => *kept = Some(message),
            Poll::Ready(Some(_)) => {}
            Poll::Ready(None) => return Poll::Ready(Ok(())),
            Poll::Pending => {
                ready!(socket.as_mut().poll_flush(context))?;
                return Poll::Pending;
            }
        }
    }
}
