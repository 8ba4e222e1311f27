"""Headers, receipts, finality certificates, evidence packages: building and offline verification."""
