//! The text behind an xclbin's sections, in which XRT's tools tell header and sections once more. It follows from the container's values; for values
//! whose spelling there is not known, there is none.

use super::sections::{Body, Connection, Ip, Memory};
use super::xclbin::Xclbin;
use std::fmt::Write;

/// The text for a container whose sections are laid out as given.
pub(super) fn mirror(file: &Xclbin, layout: &[(usize, Vec<u8>)]) -> Option<String> {
    let (major, minor, patch) = file.version;
    let mut out = String::from("XCLBIN_MIRROR_DATA_START{\"schema_version\":{\"major\":\"1\",\"minor\":\"0\",\"patch\":\"0\"},\"header\":{");
    // Writing to a String cannot fail. The version's first two numbers are characters there.
    let _ = write!(
        out,
        "\"Magic\":\"xclbin2\",\"SignatureLength\":\"ffffffff\",\"KeyBlock\":\"{}\",\"UniqueID\":\"{}\",\"TimeStamp\":\"{}\",\
         \"FeatureRomTimeStamp\":\"0\",\"Version\":\"{}.{}.{patch}\",\"Mode\":\"0\",\"InterfaceUUID\":\"{}\",\"PlatformVBNV\":\"\",\
         \"XclBinUUID\":\"{}\",\"DebugBin\":\"\"}}",
        hex(&[0xff; 256]),
        hex(&file.unique_id.to_le_bytes()),
        file.timestamp,
        character(major)?,
        character(minor)?,
        hex(&[0; 16]),
        hex(&file.uuid)
    );
    for (section, (offset, bytes)) in file.sections.iter().zip(layout) {
        let (kind, name) = (section.body.kind(), plain(&section.name)?);
        let _ =
            write!(out, ",\"section_header\":{{\"Kind\":\"{kind}\",\"Name\":\"{name}\",\"Offset\":\"{offset:#x}\",\"Size\":\"{:#x}\"", bytes.len());
        let payload = match &section.body {
            Body::MemTopology(memories) => Some(topology("mem_topology", memories)?),
            Body::GroupTopology(memories) => Some(topology("group_topology", memories)?),
            Body::IpLayout(list) => Some(ips(list)?),
            Body::Connectivity(list) => Some(connectivity("connectivity", list)),
            Body::GroupConnectivity(list) => Some(connectivity("group_connectivity", list)),
            Body::AiePartition(_) | Body::EmbeddedMetadata(_) => None,
            Body::Kept { .. } => return None,
        };
        if let Some(payload) = payload {
            let _ = write!(out, ",\"payload\":{{{payload}}}");
        }
        out.push('}');
    }
    out.push_str("}XCLBIN_MIRROR_DATA_END");
    Some(out)
}

fn topology(name: &str, memories: &[Memory]) -> Option<String> {
    let memory = |memory: &Memory| {
        let Memory { kind: 2, used, kib, base, tag } = memory else { return None };
        let tag = plain(tag)?;
        Some(format!(
            "{{\"m_type\":\"MEM_DRAM\",\"m_used\":\"{used}\",\"m_sizeKB\":\"{kib:#x}\",\"m_tag\":\"{tag}\",\"m_base_address\":\"{base:#x}\"}}"
        ))
    };
    let list = memories.iter().map(memory).collect::<Option<Vec<_>>>()?.join(",");
    Some(format!("\"{name}\":{{\"m_count\":\"{}\",\"m_mem_data\":[{list}]}}", memories.len()))
}

fn ips(ips: &[Ip]) -> Option<String> {
    let ip = |ip: &Ip| {
        let Ip { kind: 7, subtype: 1, functional: 0, id, base: u64::MAX, name } = ip else { return None };
        let name = plain(name)?;
        Some(format!(
            "{{\"m_type\":\"IP_PS_KERNEL\",\"m_subtype\":\"DPU\",\"m_functional\":\"DPU\",\"m_kernel_id\":\"{id:#x}\",\
             \"m_base_address\":\"not_used\",\"m_name\":\"{name}\"}}"
        ))
    };
    let list = ips.iter().map(ip).collect::<Option<Vec<_>>>()?.join(",");
    Some(format!("\"ip_layout\":{{\"m_count\":\"{}\",\"m_ip_data\":[{list}]}}", ips.len()))
}

fn connectivity(name: &str, list: &[Connection]) -> String {
    let one = |c: &Connection| {
        let Connection { argument, ip, memory } = c;
        format!("{{\"arg_index\":\"{argument}\",\"m_ip_layout_index\":\"{ip}\",\"mem_data_index\":\"{memory}\"}}")
    };
    let text: Vec<_> = list.iter().map(one).collect();
    format!("\"{name}\":{{\"m_count\":\"{}\",\"m_connection\":[{}]}}", list.len(), text.join(","))
}

/// Text that needs no escapes in JSON.
fn plain(text: &str) -> Option<&str> {
    text.bytes().all(|b| matches!(b, 0x20..0x7f) && !b"\"\\/".contains(&b)).then_some(text)
}

/// A number as a character of JSON, if it is one that is written as four digits.
fn character(number: u8) -> Option<String> {
    (number < 0x20 && !matches!(number, 8 | 9 | 10 | 12 | 13)).then(|| format!("\\u{number:04X}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
