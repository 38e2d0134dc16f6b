//! Tar archives made byte by byte, so that tests can make ones that no tool would.

/// One entry as it will stand in the archive.
#[derive(Clone)]
pub struct Entry<'a> {
    path: &'a str,
    data: Vec<u8>,
    kind: u8,
    link: &'a str,
    size: Option<u64>,
    old: bool,
}

impl<'a> Entry<'a> {
    /// An entry of any kind, with its type flag.
    pub fn new(path: &'a str, data: &str, kind: u8) -> Self {
        Entry { path, data: data.as_bytes().to_vec(), kind, link: "", size: None, old: false }
    }

    /// A regular file.
    pub fn file(path: &'a str, data: &str) -> Self {
        Self::new(path, data, b'0')
    }

    /// A regular file with any bytes.
    pub fn bytes(path: &'a str, data: &[u8]) -> Self {
        Entry { data: data.to_vec(), ..Self::file(path, "") }
    }

    /// A hard (`1`) or symbolic (`2`) link.
    pub fn link(path: &'a str, target: &'a str, kind: u8) -> Self {
        Entry { link: target, ..Self::new(path, "", kind) }
    }

    /// Lies about the size.
    pub fn claiming(self, size: u64) -> Self {
        Entry { size: Some(size), ..self }
    }

    /// In the format from before ustar.
    pub fn old(self) -> Self {
        Entry { old: true, kind: 0, ..self }
    }
}

/// The bytes of an archive with these entries.
pub fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        let mut header = [0u8; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, entry.path.as_bytes());
        put(100, b"0000644\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", entry.size.unwrap_or(entry.data.len() as u64)).as_bytes());
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, &[entry.kind]);
        put(157, entry.link.as_bytes());
        if !entry.old {
            put(257, b"ustar\x0000");
        }
        let checksum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{checksum:06o}\0 ").as_bytes());
        out.extend(header);
        out.extend(&entry.data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.extend([0; 1024]);
    out
}
