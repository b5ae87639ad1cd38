//! A kept sample, unpacked into a folder of its own, and the binary run on it.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_headwater");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../compat");

/// A sample, unpacked.
pub(crate) struct Sample {
    /// The name of its folder.
    pub(crate) name: String,
    kept: PathBuf,
    dir: TempDir,
}

/// What a command answered.
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    /// Fails the test unless the command ended so.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

impl Sample {
    /// Every sample that is kept.
    pub(crate) fn all() -> Vec<Self> {
        let mut folders: Vec<PathBuf> =
            fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        let kept = folders.into_iter().filter(|folder| folder.join("data.tar.gz").exists());
        let samples: Vec<_> = kept.map(Self::unpack).collect();
        assert!(!samples.is_empty(), "no sample is kept in {FOLDER}");
        samples
    }

    fn unpack(kept: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // GNU tar leaves the zeros of preallocated segments out, and puts them back as holes.
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(kept.join("data.tar.gz")).arg("-C").arg(dir.path());
        assert!(tar.status().unwrap().success());
        Self { name: kept.file_name().unwrap().to_string_lossy().into_owned(), kept, dir }
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A file kept beside the data folder.
    pub(crate) fn golden(&self, file: &str) -> String {
        fs::read_to_string(self.kept.join(file))
            .unwrap_or_else(|e| panic!("{}/{file}: {e}", self.name))
    }

    /// What is known of the sample.
    pub(crate) fn about(&self) -> Value {
        serde_json::from_str(&self.golden("about.json")).unwrap()
    }

    /// Runs a command on the data folder.
    pub(crate) fn run(&self, args: &[&str]) -> Answer {
        self.run_with(args, "")
    }

    /// The same, with this text as its standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Answer {
        let mut command = Command::new(BINARY);
        command.args(args).arg("--data").arg(self.data()).current_dir(self.dir.path());
        command.env_remove("HEADWATER_URL").env_remove("HEADWATER_DATA").env_remove("RUST_LOG");
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that reads nothing has closed it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        Answer {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Takes the views away, so that the log must be folded anew.
    pub(crate) fn forget_views(&self) {
        fs::remove_dir_all(self.data().join("store")).unwrap();
    }
}

/// A file that a failing test leaves behind, to be compared with what is kept.
pub(crate) fn leave(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}
