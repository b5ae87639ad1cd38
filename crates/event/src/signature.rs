//! Who wrote a control record: the writer's epoch and its Ed25519 signature, in two headers.
//!
//! Signed are the log's id, the partition, the epoch and every byte of the record, so that a record
//! can't be moved to another log or partition. That it is not repeated, the event's id sees to.

use bytes::Bytes;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::{Header, NewRecord, PartitionId, Reason, Refusal};

/// The header that tells the writer's epoch, in decimal digits.
pub const EPOCH_HEADER: &str = "hw_epoch";
/// The header that holds the signature's 64 bytes.
pub const SIGNATURE_HEADER: &str = "hw_signature";

/// Signs the control records of one log.
pub struct Signer {
    key: SigningKey,
    log_id: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("log_id", &self.log_id).finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer for the log `log_id` with this secret.
    pub fn new(secret: &[u8; 32], log_id: impl Into<String>) -> Self {
        Self { key: SigningKey::from_bytes(secret), log_id: log_id.into() }
    }

    /// The public half of the key, in hex, as `headwater.log.opened` tells it.
    pub fn verifying_key(&self) -> String {
        hex(self.key.verifying_key().as_bytes())
    }

    /// Adds epoch and signature to a record.
    pub fn sign(&self, partition: PartitionId, epoch: u64, mut record: NewRecord) -> NewRecord {
        record.headers.retain(|header| !is_ours(&header.name));
        record
            .headers
            .push(Header { name: EPOCH_HEADER.to_owned(), value: Bytes::from(epoch.to_string()) });
        let digest = signed_digest(&self.log_id, partition, &record);
        record.headers.push(Header {
            name: SIGNATURE_HEADER.to_owned(),
            value: Bytes::copy_from_slice(&self.key.sign(&digest).to_bytes()),
        });
        record
    }
}

/// Checks the signatures of one log's records.
#[derive(Debug, Clone)]
pub struct Verifier {
    key: VerifyingKey,
    log_id: String,
}

impl Verifier {
    /// A verifier for the log `log_id` with this public key in hex; `None` if it is not a key.
    pub fn new(verifying_key: &str, log_id: impl Into<String>) -> Option<Self> {
        let key = VerifyingKey::from_bytes(&unhex(verifying_key)?).ok()?;
        Some(Self { key, log_id: log_id.into() })
    }

    /// The epoch of a record that its writer signed; `None` if the record claims no signature.
    pub fn epoch_of(
        &self,
        partition: PartitionId,
        record: &NewRecord,
    ) -> Result<Option<u64>, Refusal> {
        let Some(signature) = record.header(SIGNATURE_HEADER) else { return Ok(None) };
        let forged = |what: &str| Refusal::new(Reason::Forged, what.to_owned());
        let epoch = record
            .header(EPOCH_HEADER)
            .and_then(|raw| std::str::from_utf8(raw).ok()?.parse().ok())
            .ok_or_else(|| forged("signed, but the header hw_epoch is missing"))?;
        let signature = Signature::from_slice(signature)
            .map_err(|_| forged("the signature does not have 64 bytes"))?;
        let mut unsigned = record.clone();
        unsigned.headers.retain(|header| header.name != SIGNATURE_HEADER);
        let digest = signed_digest(&self.log_id, partition, &unsigned);
        self.key
            .verify_strict(&digest, &signature)
            .map_err(|_| forged("the signature is not that of this log's writer"))?;
        Ok(Some(epoch))
    }
}

fn is_ours(name: &str) -> bool {
    name == EPOCH_HEADER || name == SIGNATURE_HEADER
}

fn signed_digest(log_id: &str, partition: PartitionId, record: &NewRecord) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("headwater control record v1");
    hasher.update(&(log_id.len() as u64).to_le_bytes());
    hasher.update(log_id.as_bytes());
    hasher.update(&partition.code().to_le_bytes());
    record.hash_into(&mut hasher);
    *hasher.finalize().as_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    fn record() -> NewRecord {
        Event::new("1", "test", "headwater.run.create_requested", "r", serde_json::json!({}))
            .to_record()
    }

    #[test]
    fn a_signed_record_tells_its_epoch() {
        let signer = Signer::new(&[7; 32], "log");
        let verifier = Verifier::new(&signer.verifying_key(), "log").unwrap();
        let signed = signer.sign(PartitionId::Control, 3, record());
        assert_eq!(verifier.epoch_of(PartitionId::Control, &signed).unwrap(), Some(3));
        assert_eq!(verifier.epoch_of(PartitionId::Control, &record()).unwrap(), None);
    }

    #[test]
    fn any_change_is_a_forgery() {
        let signer = Signer::new(&[7; 32], "log");
        let signed = signer.sign(PartitionId::Control, 3, record());
        let verifier = Verifier::new(&signer.verifying_key(), "log").unwrap();
        assert!(verifier.epoch_of(PartitionId::Data(0), &signed).is_err());
        let mut changed = signed.clone();
        changed.value = Some(Bytes::from_static(b"{}"));
        assert!(verifier.epoch_of(PartitionId::Control, &changed).is_err());
        let elsewhere = Verifier::new(&signer.verifying_key(), "other log").unwrap();
        assert!(elsewhere.epoch_of(PartitionId::Control, &signed).is_err());
        let stranger = Signer::new(&[8; 32], "log").sign(PartitionId::Control, 3, record());
        assert!(verifier.epoch_of(PartitionId::Control, &stranger).is_err());
    }
}
