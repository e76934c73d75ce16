//! `unicorn-rt devices`.

use super::{print, process};
use unicorn_kernels_cpu::Isa;
use unicorn_rt::hal::gpu::{DeviceInfo, Driver, DriverError, Vendor};
use unicorn_rt::hal::npu::{Info, Npu, NpuError};
use unicorn_rt::load::NpuDriver;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// What an NPU is looked for by.
    #[arg(long, value_enum, value_name = "DRIVER", default_value_t = NpuDriver::Kernel)]
    npu_driver: NpuDriver,
}

/// What an NPU is good for.
const NPU_USE: &str = "runs the products that an artifact compiled with --target npu:npu1 has code for";

pub fn run(args: &Args) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let isa = Isa::detect().name();
    let gpus = Gpus::find();
    // Opened as for work, heap included, so that what would stand in the way is told here.
    let npu = match args.npu_driver {
        NpuDriver::Kernel => Npu::open(None).map(|npu| Found::Kernel(npu.info().clone())),
        // All that is asked of it is its name.
        NpuDriver::Xrt => NpuDriver::Xrt.open().map(|npu| Found::Xrt(npu.name())),
    };
    if args.json {
        let cpu = serde_json::json!({
            "device": "cpu", "available": true, "name": process::cpu_name(), "arch": std::env::consts::ARCH, "threads": threads, "kernels": isa,
        });
        let all: Vec<_> = std::iter::once(cpu).chain(gpus.json()).chain([npu_json(&npu)]).collect();
        print(&format!("{}\n", serde_json::json!({ "devices": all })));
        return;
    }
    let mut out = format!("cpu  {}, {threads} threads, {} kernels\n", process::cpu_name(), isa);
    gpus.lines().iter().for_each(|line| out.push_str(&format!("gpu  {line}\n")));
    out.push_str(&format!("npu  {}\n", npu_line(&npu)));
    print(&out);
}

fn absent(name: &str, why: &str) -> serde_json::Value {
    serde_json::json!({ "device": name, "available": false, "why": why })
}

/// An NPU, as what reaches it tells of it.
enum Found {
    Kernel(Info),
    Xrt(String),
}

fn npu_line(npu: &Result<Found, NpuError>) -> String {
    match npu {
        Ok(Found::Xrt(name)) => format!("{name}: {NPU_USE}"),
        Ok(Found::Kernel(info)) => {
            let Info { seat, columns, core_rows, firmware, driver, .. } = info;
            let name = seat.name.as_deref().unwrap_or("AMD NPU");
            let path = seat.path.display();
            format!("{name} at {path}, {columns} columns of {core_rows} cores, firmware {firmware}, driver amdxdna {driver}: {NPU_USE}")
        }
        Err(why) => why.to_string(),
    }
}

fn npu_json(npu: &Result<Found, NpuError>) -> serde_json::Value {
    match npu {
        Ok(Found::Xrt(name)) => serde_json::json!({ "device": "npu", "available": true, "name": name }),
        Ok(Found::Kernel(info)) => serde_json::json!({
            "device": "npu", "available": true, "name": info.seat.name, "path": info.seat.path, "columns": info.columns,
            "core_rows": info.core_rows, "contexts": info.contexts, "firmware": info.firmware, "driver": info.driver,
        }),
        Err(why) => absent("npu", &why.to_string()),
    }
}

/// What the drivers say.
struct Gpus {
    found: Vec<DeviceInfo>,
    failed: Vec<(Vendor, DriverError)>,
}

impl Gpus {
    fn find() -> Self {
        let mut gpus = Self { found: Vec::new(), failed: Vec::new() };
        for vendor in Vendor::ALL {
            match Driver::open(vendor).and_then(|driver| driver.devices()) {
                Ok(found) => gpus.found.extend(found),
                Err(why) => gpus.failed.push((vendor, why)),
            }
        }
        // Where one vendor's GPU is, nobody misses the other's; but one that may not be opened is worth a word.
        if !gpus.found.is_empty() {
            gpus.failed.retain(|(_, why)| match why {
                DriverError::LibraryMissing { .. } => false,
                DriverError::NoDevice { why, .. } => why.contains("permission"),
                _ => true,
            });
        }
        gpus
    }

    fn lines(&self) -> Vec<String> {
        let found = self.found.iter().map(|info| {
            let shared = if info.integrated { " shared with the CPU" } else { "" };
            let DeviceInfo { name, target, multiprocessors, driver, .. } = info;
            format!("{name} ({target}), {}{shared}, {multiprocessors} multiprocessors, driver {driver}", gib(info.memory))
        });
        found.chain(self.failed.iter().map(|(_, why)| why.to_string())).collect()
    }

    fn json(&self) -> Vec<serde_json::Value> {
        let found = self.found.iter().map(|info| {
            serde_json::json!({
                "device": "gpu", "available": true, "vendor": info.vendor.to_string(), "ordinal": info.ordinal, "name": info.name, "target": info.target,
                "memory": info.memory, "integrated": info.integrated, "multiprocessors": info.multiprocessors, "driver": info.driver,
            })
        });
        let failed = self.failed.iter().map(|(vendor, why)| {
            let mut value = absent("gpu", &why.to_string());
            value["vendor"] = vendor.to_string().into();
            value
        });
        found.chain(failed).collect()
    }
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicorn_rt::hal::npu::{Absence, Seat};

    #[test]
    fn gpus_are_shown_with_all_that_matters() {
        let info = DeviceInfo {
            vendor: Vendor::Amd,
            ordinal: 0,
            name: "Radeon 780M".into(),
            target: "gfx1103".into(),
            memory: 16 << 30,
            integrated: true,
            multiprocessors: 12,
            driver: "HIP 6.2.41134".into(),
        };
        let gpus = Gpus { found: vec![info], failed: vec![] };
        assert_eq!(gpus.lines(), ["Radeon 780M (gfx1103), 16.0 GiB shared with the CPU, 12 multiprocessors, driver HIP 6.2.41134"]);
        assert_eq!((&gpus.json()[0]["target"], &gpus.json()[0]["available"]), (&"gfx1103".into(), &true.into()));
    }

    #[test]
    fn an_npu_is_shown_as_it_is_and_why_it_is_not() {
        let seat = Seat { path: "/dev/accel/accel0".into(), name: Some("RyzenAI-npu1".into()) };
        let (firmware, driver) = ("1.5.5.391".into(), "0.6".into());
        let npu = Ok(Found::Kernel(Info { seat, columns: 5, core_rows: 4, array: (2, 0), firmware, driver, contexts: Some(6) }));
        let line = "RyzenAI-npu1 at /dev/accel/accel0, 5 columns of 4 cores, firmware 1.5.5.391, driver amdxdna 0.6: runs the products that an artifact compiled with --target npu:npu1 has code for";
        assert_eq!(npu_line(&npu), line);
        let json = npu_json(&npu);
        assert_eq!((&json["available"], &json["columns"]), (&true.into(), &5.into()));
        let by_xrt = Ok(Found::Xrt("RyzenAI-npu1 at 0000:c4:00.1, by XRT".into()));
        assert!(npu_line(&by_xrt).starts_with("RyzenAI-npu1 at 0000:c4:00.1, by XRT: runs"), "{}", npu_line(&by_xrt));
        assert_eq!(npu_json(&by_xrt)["name"], "RyzenAI-npu1 at 0000:c4:00.1, by XRT");
        let none = Err(NpuError::Absent(Absence::Module));
        assert!(npu_line(&none).starts_with("no NPU: it is here, but its kernel module is not: `modprobe amdxdna`"), "{}", npu_line(&none));
        assert_eq!((&npu_json(&none)["available"], npu_json(&none)["why"].as_str()), (&false.into(), Some(npu_line(&none).as_str())));
    }

    #[test]
    fn absence_says_what_to_install() {
        let why = DriverError::LibraryMissing { vendor: Vendor::Amd, tried: vec!["libamdhip64.so".into()], remedy: Vendor::Amd.remedy() };
        let gpus = Gpus { found: vec![], failed: vec![(Vendor::Amd, why)] };
        let line = "no AMD driver library (tried libamdhip64.so): install ROCm 6.1 or newer (libamdhip64)";
        assert_eq!(gpus.lines(), [line]);
        assert_eq!(gpus.json()[0]["why"], line);
        assert_eq!(gpus.json()[0]["available"], false);
    }
}
