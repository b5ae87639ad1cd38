//! Models' bytes, outside the log: `DIR/artifacts/sha256/<hash>`.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

/// Stores bytes under their SHA-256 and answers it. They are on the disk before the log names them.
pub(crate) fn store(dir: &Path, bytes: &[u8]) -> Result<String> {
    let folder = dir.join("artifacts/sha256");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let sha256 = hash(bytes);
    let path = folder.join(&sha256);
    let mut file = tempfile::NamedTempFile::new_in(&folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&path).with_context(|| format!("write {}", path.display()))?;
    fs::File::open(&folder)?.sync_all()?;
    Ok(sha256)
}

/// The bytes under a SHA-256, checked against it.
pub(crate) fn load(dir: &Path, sha256: &str) -> Result<Vec<u8>> {
    let path = dir.join("artifacts/sha256").join(sha256);
    let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    ensure!(hash(&bytes) == sha256, "{} is damaged: its hash is another", path.display());
    Ok(bytes)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_come_back_unless_they_were_changed() {
        let dir = tempfile::tempdir().unwrap();
        let sha256 = super::store(dir.path(), b"model").unwrap();
        assert_eq!(super::load(dir.path(), &sha256).unwrap(), b"model");
        std::fs::write(dir.path().join("artifacts/sha256").join(&sha256), b"other").unwrap();
        assert!(super::load(dir.path(), &sha256).unwrap_err().to_string().contains("damaged"));
    }
}
