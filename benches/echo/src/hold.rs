//! Opens connections and holds them until standard input ends: for reading what the server's memory has become.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use rustls::ClientConnection;

use crate::arguments::Arguments;
use crate::load::{new_session, prove};
use crate::{dial, frames, tls};

pub fn run(arguments: &mut Arguments) -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = arguments.needed("ADDRESS")?.parse()?;
    let connections = arguments.value("--connections", 1_000)?;
    let talk = arguments.flag("--talk");
    let config = match arguments.values("--tls", 1)? {
        Some(files) => Some(tls::client(&files[0])?),
        None => None,
    };
    let (mut batch, mut answer) = (Vec::new(), Vec::new());
    // One after another, all sizes: whatever a connection takes for a message, it has taken.
    for bytes in if talk {
        &[16, 1 << 10, 16 << 10, 100 << 10][..]
    } else {
        &[]
    } {
        let payload = frames::payload(frames::Kind::Binary, *bytes);
        frames::push_frame(&mut batch, 2, &payload, Some([1, 2, 3, 4]));
        frames::push_frame(&mut answer, 2, &payload, None);
    }
    let mut held: Vec<(std::net::TcpStream, Option<Box<ClientConnection>>)> = Vec::new();
    for number in 0..connections {
        let mut stream = dial::connect(address, number)?;
        let mut session = config.as_ref().map(new_session).transpose()?;
        match &mut session {
            Some(session) => prove(
                false,
                &mut rustls::Stream::new(&mut **session, &mut stream),
                &batch,
                &answer,
            )?,
            None => prove(false, &mut stream, &batch, &answer)?,
        }
        held.push((stream, session));
    }
    println!("ready");
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(held);
    Ok(())
}
