use std::io::ErrorKind;
use std::time::Duration;

use wsloop::engine::{FileId, Files, OpenMode, Sys, SysEvent};
use wsloop::sim::{Faults, SimSys};

#[test]
fn files_behave_as_files() {
    let mut sys: SimSys = SimSys::new(0, Faults::none());
    sys.disk_mut().put("dir/in.json", b"one\ntwo\n");
    assert_eq!(
        sys.open("missing", OpenMode::Read).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        sys.open("dir", OpenMode::Read).unwrap_err().kind(),
        ErrorKind::IsADirectory
    );
    let file = sys.open("dir/in.json", OpenMode::Read).unwrap();
    let mut bytes = [0; 5];
    assert_eq!(Files::read(&mut sys, file, &mut bytes).unwrap(), 5);
    assert_eq!(Files::read(&mut sys, file, &mut bytes).unwrap(), 3);
    assert_eq!(Files::read(&mut sys, file, &mut bytes).unwrap(), 0);
    Files::close(&mut sys, file);
    assert!(Files::read(&mut sys, file, &mut bytes).is_err());

    let file = sys.open("dir/in.json", OpenMode::Append).unwrap();
    sys.disk_mut().set_free_bytes(3);
    assert_eq!(Files::write(&mut sys, file, b"three").unwrap(), 3);
    assert_eq!(
        Files::write(&mut sys, file, b"ee").unwrap_err().kind(),
        ErrorKind::StorageFull
    );
    assert_eq!(sys.read_whole("dir/in.json", 100).unwrap(), b"one\ntwo\nthr");
    assert_eq!(
        sys.read_whole("dir/in.json", 3).unwrap_err().kind(),
        ErrorKind::FileTooLarge
    );
}

#[test]
fn standard_streams_make_one_wait_and_say_when() {
    let mut sys: SimSys = SimSys::new(0, Faults::none());
    let start = sys.now();
    sys.net_mut().stdin_at(start + Duration::from_secs(2), Some(b"typed"));
    sys.net_mut().stdin_at(start + Duration::from_secs(3), None);
    let mut bytes = [0; 16];
    let mut events = Vec::new();
    assert_eq!(
        Files::read(&mut sys, FileId::STDIN, &mut bytes).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    for expected in [5, 0] {
        sys.poll(&mut events, None).unwrap();
        assert!(matches!(events.pop(), Some(SysEvent::Files)));
        assert_eq!(Files::read(&mut sys, FileId::STDIN, &mut bytes).unwrap(), expected);
    }
    let much = vec![b'x'; 100_000];
    let count = Files::write(&mut sys, FileId::STDOUT, &much).unwrap();
    assert!(count < much.len());
    assert_eq!(
        Files::write(&mut sys, FileId::STDOUT, &much).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert_eq!(sys.sync(FileId::STDOUT).unwrap_err().kind(), ErrorKind::WouldBlock);
    sys.poll(&mut events, None).unwrap();
    assert!(matches!(events.pop(), Some(SysEvent::Files)));
    assert!(sys.sync(FileId::STDOUT).is_ok());
    assert_eq!(sys.disk().stdout().len(), count);
}
