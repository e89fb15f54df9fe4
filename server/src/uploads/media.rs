//! The types of file that are taken, and how their first bytes look. Owns the table; reads no more
//! of a file than its beginning, and never guesses.

use serde::{Deserialize, Serialize};

/// So many first bytes decide; a file with fewer is decided by what it has.
pub const HEAD_BYTES: usize = 64;

/// What an upload may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaType {
    #[serde(rename = "image/jpeg")]
    Jpeg,
    #[serde(rename = "image/png")]
    Png,
    #[serde(rename = "image/gif")]
    Gif,
    #[serde(rename = "image/webp")]
    Webp,
    #[serde(rename = "video/mp4")]
    Mp4,
    #[serde(rename = "video/quicktime")]
    Quicktime,
    #[serde(rename = "video/webm")]
    Webm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Image,
    Video,
}

/// Major brands of MP4. Others that begin alike are pictures (HEIF, AVIF) or sound.
const MP4_BRANDS: &[&[u8; 4]] = &[
    b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9", b"mp41",
    b"mp42", b"avc1", b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"dash", b"mmp4", b"3gp4", b"3gp5",
];

impl MediaType {
    pub const ALL: [Self; 7] =
        [Self::Jpeg, Self::Png, Self::Gif, Self::Webp, Self::Mp4, Self::Quicktime, Self::Webm];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Mp4 => "video/mp4",
            Self::Quicktime => "video/quicktime",
            Self::Webm => "video/webm",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| text.eq_ignore_ascii_case(it.as_str()))
    }

    /// How a file of this type is called.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Mp4 => "mp4",
            Self::Quicktime => "mov",
            Self::Webm => "webm",
        }
    }

    pub fn kind(self) -> Kind {
        match self {
            Self::Jpeg | Self::Png | Self::Gif | Self::Webp => Kind::Image,
            Self::Mp4 | Self::Quicktime | Self::Webm => Kind::Video,
        }
    }

    /// What a file is that begins with `head`, its first [`HEAD_BYTES`].
    pub fn sniff(head: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.begins(head))
    }

    fn begins(self, head: &[u8]) -> bool {
        match self {
            Self::Jpeg => head.starts_with(b"\xff\xd8\xff"),
            Self::Png => head.starts_with(b"\x89PNG\r\n\x1a\n"),
            Self::Gif => head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a"),
            Self::Webp => head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP"),
            Self::Mp4 => {
                brand(head).is_some_and(|brand| MP4_BRANDS.iter().any(|it| it[..] == *brand))
            }
            Self::Quicktime => brand(head) == Some(b"qt  "),
            Self::Webm => head.starts_with(b"\x1a\x45\xdf\xa3") && document_type(head, b"webm"),
        }
    }
}

/// The major brand of a file of boxes (ISO 14496-12), if its first box names one.
fn brand(head: &[u8]) -> Option<&[u8]> {
    (head.get(4..8)? == b"ftyp").then(|| head.get(8..12)).flatten()
}

/// Whether the EBML head says so: its element `DocType` (42 82), a length, the name.
fn document_type(head: &[u8], name: &[u8; 4]) -> bool {
    let element = head.windows(2).position(|two| two == b"\x42\x82");
    let value = element.and_then(|at| head.get(at + 3..at + 7));
    value == Some(&name[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEBM: &[u8] =
        b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\
          \x42\x82\x84webm\x42\x87\x81\x04";

    #[test]
    fn each_type_is_known_by_its_first_bytes() {
        for (head, media_type) in [
            (&b"\xff\xd8\xff\xe0\x00\x10JFIF"[..], "image/jpeg"),
            (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", "image/png"),
            (b"GIF87a", "image/gif"),
            (b"GIF89a\x01\x00", "image/gif"),
            (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
            (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", "video/mp4"),
            (b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  ", "video/quicktime"),
            (WEBM, "video/webm"),
        ] {
            let sniffed = MediaType::sniff(head).map(MediaType::as_str);
            assert_eq!(sniffed, Some(media_type), "{head:?}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_nothing() {
        let matroska = WEBM.iter().map(|byte| if *byte == b'w' { b'v' } else { *byte });
        for head in [
            &b""[..],
            b"\x89PNG",
            b" \x89PNG\r\n\x1a\n",
            b"GIF88a",
            b"RIFF\x24\x00\x00\x00WAVEfmt ",
            b"<!doctype html><script>",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\">",
            b"<?xml version=\"1.0\"?><svg>",
            b"%PDF-1.7",
            b"PK\x03\x04",
            b"\x00\x00\x00\x20ftypavif",
            b"\x00\x00\x00\x20ftypheic",
            b"\x00\x00\x00\x20ftypM4A ",
            b"\x00\x00\x00\x20ftyp",
            b"\x7fELF",
            &matroska.collect::<Vec<_>>(),
        ] {
            assert_eq!(MediaType::sniff(head), None, "{head:?}");
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for media_type in MediaType::ALL {
            assert_eq!(MediaType::parse(media_type.as_str()), Some(media_type));
            let json = serde_json::to_string(&media_type).unwrap();
            assert_eq!(json, format!("\"{}\"", media_type.as_str()));
        }
        assert_eq!(MediaType::parse("Image/PNG"), Some(MediaType::Png));
        for text in ["image/svg+xml", "text/html", "image/jpg", "image/*", ""] {
            assert_eq!(MediaType::parse(text), None);
        }
    }
}
