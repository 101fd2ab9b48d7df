//! The floor: knows no frames, sends back what it reads.

use std::io;
use std::ops::Range;

use super::on_mio::{Echo, HEADROOM_BYTES};

#[derive(Default)]
pub struct Floor;

impl Echo for Floor {
    fn turn(&mut self, _: &mut [u8], end: usize) -> io::Result<Range<usize>> {
        Ok(HEADROOM_BYTES..end)
    }
}
