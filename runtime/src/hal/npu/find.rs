//! Where the NPU's file is, and if there is none, how far one gets.

use super::{Absence, NpuError, Result};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The kernel module.
const MODULE: &str = "amdxdna";
/// The first generation on the PCI bus: vendor and device.
const NPU1: (u16, u16) = (0x1022, 0x1502);

/// Where the system's files are.
#[derive(Debug, Clone)]
pub struct Places {
    /// `/dev/accel`.
    pub dev: PathBuf,
    /// `/sys`.
    pub sys: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self { dev: "/dev/accel".into(), sys: "/sys".into() }
    }
}

/// A device file, with what the system tells beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// The file.
    pub path: PathBuf,
    /// The driver's name for the device: `RyzenAI-npu1`.
    pub name: Option<String>,
}

impl Places {
    /// The first file that is an NPU's.
    ///
    /// # Errors
    /// [`NpuError::Absent`] with the reason, or [`NpuError::Generation`].
    pub fn find(&self) -> Result<Seat> {
        let mut numbers: Vec<u32> = names(&self.dev).iter().filter_map(|name| name.strip_prefix("accel")?.parse().ok()).collect();
        numbers.sort_unstable();
        let ours = |number: &u32| self.driver(&self.class(&format!("accel{number}"))).is_none_or(|driver| driver == MODULE);
        match numbers.into_iter().find(ours) {
            Some(number) => self.seat(&self.dev.join(format!("accel{number}"))),
            None => Err(NpuError::Absent(self.absence())),
        }
    }

    /// A given file.
    ///
    /// # Errors
    /// [`NpuError::Generation`].
    pub fn seat(&self, path: &Path) -> Result<Seat> {
        let device = self.class(&path.file_name().unwrap_or_default().to_string_lossy());
        match number(&device.join("device")) {
            Some(other) if other != NPU1.1 => Err(NpuError::Generation { path: path.into(), device: other }),
            _ => Ok(Seat { path: path.into(), name: line(&device.join("vbnv")) }),
        }
    }

    /// A function on the PCI bus, by its address, which somebody else has found: it must be an NPU of the first generation. Without `/sys` it counts as one.
    ///
    /// # Errors
    /// [`NpuError::Generation`], or [`NpuError::Foreign`] for another vendor's.
    pub fn function(&self, address: &str) -> Result<()> {
        let path = self.sys.join("bus/pci/devices").join(address);
        match number(&path.join("vendor")).zip(number(&path.join("device"))) {
            Some((vendor, _)) if vendor != NPU1.0 => {
                let driver = self.driver(&path).unwrap_or_else(|| format!("vendor {vendor:04x}"));
                Err(NpuError::Foreign { path, driver })
            }
            Some((_, device)) if device != NPU1.1 => Err(NpuError::Generation { path, device }),
            _ => Ok(()),
        }
    }

    /// What `/sys` tells of the device behind a file.
    fn class(&self, file: &str) -> PathBuf {
        self.sys.join("class/accel").join(file).join("device")
    }

    fn driver(&self, device: &Path) -> Option<String> {
        let link = fs::read_link(device.join("driver")).ok()?;
        Some(link.file_name()?.to_string_lossy().into_owned())
    }

    fn absence(&self) -> Absence {
        let bus = self.sys.join("bus/pci/devices");
        let ids = |device: &PathBuf| number(&device.join("vendor")).zip(number(&device.join("device")));
        let Some(function) = names(&bus).iter().map(|name| bus.join(name)).find(|device| ids(device) == Some(NPU1)) else { return Absence::Hardware };
        if !self.sys.join("module").join(MODULE).exists() {
            return Absence::Module;
        }
        if self.driver(&function).is_some() { Absence::File } else { Absence::Refused }
    }
}

/// Names in a folder; none where it cannot be read.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect()
}

/// A file's one line.
fn line(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A number written as `0x1502`.
fn number(path: &Path) -> Option<u16> {
    u16::from_str_radix(line(path)?.trim_start_matches("0x"), 16).ok()
}

/// The group that a file belongs to; `render`, as distributions have it, where it cannot be told.
pub(super) fn group(path: &Path) -> String {
    let named = || {
        let id = fs::metadata(path).ok()?.gid().to_string();
        let groups = fs::read_to_string("/etc/group").ok()?;
        groups.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == id && id != "0").then(|| name.to_owned())
        })
    };
    named().unwrap_or_else(|| "render".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A made-up system; everything that is put into it is a path below its root.
    struct System(tempfile::TempDir);

    impl System {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn driven_by(&self, device: &str, driver: &str) {
            fs::create_dir_all(self.0.path().join(device)).unwrap();
            symlink(Path::new("/sys/bus/pci/drivers").join(driver), self.0.path().join(device).join("driver")).unwrap();
        }

        fn places(&self) -> Places {
            Places { dev: self.0.path().join("dev/accel"), sys: self.0.path().join("sys") }
        }

        fn find(&self) -> Result<Seat> {
            self.places().find()
        }
    }

    const FUNCTION: &str = "sys/bus/pci/devices/0000:c5:00.1";

    #[test]
    fn each_absence_has_its_word() {
        let system = System::new();
        assert_eq!(system.find(), Err(NpuError::Absent(Absence::Hardware)));
        // Another function of the same vendor is none.
        system.file("sys/bus/pci/devices/0000:00:00.0/vendor", "0x1022\n");
        system.file("sys/bus/pci/devices/0000:00:00.0/device", "0x14e8\n");
        assert_eq!(system.find(), Err(NpuError::Absent(Absence::Hardware)));
        system.file(&format!("{FUNCTION}/vendor"), "0x1022\n");
        system.file(&format!("{FUNCTION}/device"), "0x1502\n");
        assert_eq!(system.find(), Err(NpuError::Absent(Absence::Module)));
        system.file("sys/module/amdxdna/refcnt", "0\n");
        assert_eq!(system.find(), Err(NpuError::Absent(Absence::Refused)));
        system.driven_by(FUNCTION, "amdxdna");
        assert_eq!(system.find(), Err(NpuError::Absent(Absence::File)));
        for (absence, remedy) in [
            (Absence::Hardware, "firmware set-up"),
            (Absence::Module, "modprobe amdxdna"),
            (Absence::Refused, "linux-firmware"),
            (Absence::File, "--device /dev/accel"),
        ] {
            assert!(NpuError::Absent(absence).to_string().contains(remedy));
        }
    }

    #[test]
    fn the_first_file_of_the_right_driver_is_taken() {
        let system = System::new();
        for name in ["accel10", "accel0", "accel2", "notes"] {
            system.file(&format!("dev/accel/{name}"), "");
        }
        system.driven_by("sys/class/accel/accel0/device", "intel_vpu");
        for name in ["accel10", "accel2"] {
            system.driven_by(&format!("sys/class/accel/{name}/device"), "amdxdna");
            system.file(&format!("sys/class/accel/{name}/device/device"), "0x1502\n");
            system.file(&format!("sys/class/accel/{name}/device/vbnv"), "RyzenAI-npu1\n");
        }
        let seat = system.find().unwrap();
        assert_eq!((seat.path, seat.name.as_deref()), (system.0.path().join("dev/accel/accel2"), Some("RyzenAI-npu1")));
        // Without /sys the file alone counts.
        let bare = System::new();
        bare.file("dev/accel/accel0", "");
        assert_eq!(bare.find().unwrap().name, None);
    }

    #[test]
    fn another_generation_is_refused() {
        let system = System::new();
        system.file("dev/accel/accel0", "");
        system.driven_by("sys/class/accel/accel0/device", "amdxdna");
        system.file("sys/class/accel/accel0/device/device", "0x17f0\n");
        let why = system.find().unwrap_err().to_string();
        assert!(why.ends_with("is an NPU of another generation (PCI 1022:17f0); code is made for 1022:1502 alone"), "{why}");
    }

    #[test]
    fn a_function_on_the_bus_is_told_by_its_numbers() {
        let system = System::new();
        let told = |vendor: &str, device: &str| {
            system.file(&format!("{FUNCTION}/vendor"), vendor);
            system.file(&format!("{FUNCTION}/device"), device);
            system.places().function("0000:c5:00.1").map_err(|why| why.to_string())
        };
        assert_eq!(told("0x1022\n", "0x1502\n"), Ok(()));
        let why = told("0x1022\n", "0x17f0\n").unwrap_err();
        assert!(why.ends_with("0000:c5:00.1 is an NPU of another generation (PCI 1022:17f0); code is made for 1022:1502 alone"), "{why}");
        system.driven_by(FUNCTION, "xocl");
        let why = told("0x10ee\n", "0x5020\n").unwrap_err();
        assert!(why.ends_with("0000:c5:00.1 is no AMD NPU but a device of `xocl`"), "{why}");
        assert_eq!(system.places().function("0000:c6:00.1"), Ok(()), "what /sys does not know");
    }
}
