"""Keys, certificates and revocation lists that a host keeps."""
