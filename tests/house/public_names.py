"""The public names of each room, as its ``__init__`` lists them: a change here is a change of an interface.

A room without names of its own is used through its modules, whose ``__all__`` then counts.
"""

PUBLIC = {
    "api": "ApiSettings create_app",
    "cli": "main",
    "consensus": """
        Application Certifier CheckResult Engine EngineStatus EngineUpdate Finality FinalitySignature
        FinalityWatch FinalizedBlock Info LedgerApplication Outcome Pool PoolLimits ProposalRoute SignatureRoute
        SnapshotInfo Ticket Waiter
    """,
    "consensus.solo": "SoloEngine",
    "crypto": """
        ALGORITHMS Algorithm BatchVerifier DEFAULT_ITERATIONS DEFAULT_SM2_ID DEFAULT_SUITE Hasher ITERATIONS_MAX
        ITERATIONS_MIN KEY_FILE_BYTES_MAX KEY_FILE_SALT_BYTES MEMORY_LIMIT_BYTES NONCE_BYTES SALT_BYTES SUITES
        SignatureItem SigningKey Suite TAG_BYTES account_address cbc_decrypt cbc_encrypt check_hmac_sm3
        check_signature commitment ctr_apply decode_key_file decode_plain_key decode_public_key encode_key_file
        frame get_algorithm get_suite hasher hmac_sm3 key_id open_sealed seal
    """,
    "documents": """
        PAPER_BYTES_MAX PAPER_FORM PAPER_STEP Paper URL_LENGTH_MAX check_url decode_paper is_pdf paper_title
        render_certificate verify_document verify_paper
    """,
    "index": "",
    "ledger": """
        ChainState ExecutedBlock Machine MemberUpdate PROTOCOL_MAX Prepared ReplayWindow Selection Window build_machine
        check_inclusion check_proposal check_transaction current_members decode_chain_state encode_chain_state
        execute_block genesis_writes initial_chain_state limits_in_force next_block_time prepare protocol_at
        require_protocol select_transactions
    """,
    "merkle": """
        DEPTH_MAX Digest EMPTY_SUBTREE Frontier NodeLog NodeWrite STATE_DOMAIN SparseProof SparseTree consistency_path
        empty_root inclusion_path leaf_hash node_hash position root root_from_inclusion sparse_root state_root
        verify_consistency verify_inclusion verify_sparse
    """,
    "model": """
        Code DecodingError GovChainError RefusedError UnavailableError UsageError VerificationError
        decode_strict encode_canonical encode_struct
    """,
    "modules": "",
    "modules.accounts": "MODULE",
    "modules.evidence": "MODULE",
    "modules.evidence.messages": """
        Batch COMMITTED_FIELDS Capture CaptureMethod Commitment CommittedField Item LEAVES_MAX MARK_NAMESPACE
        MEDIA_TYPE_LENGTH_MAX MarkValue NAME_LENGTH_MAX Put REASONS RECORD_NAMESPACE REFERENCE_LENGTH_MAX Reason
        RecordValue SIZE_MAX Supersede Supplement Withdraw check_item decode_item encode_item item_fault mark_key
        mark_keys record_key
    """,
    "modules.governance": "MODULE",
    "modules.governance.messages": """
        CHAIN_ACCOUNTS_MAX ChainCreate ChainStop ChainValue Change EXPIRY_MS_MAX FirstAccount KINDS KeyValue Kind
        LISTED_MAX MemberAdd MemberRemove MemberRotate MemberStatus MemberValue NAME_LENGTH_MAX OPEN_MAX
        OpenProposal OpenValue OrganisationAccount OrganisationAdd PARAMETERS Parameter ParameterChange
        ParameterValue Policy PolicyChange PolicyRule PolicyValue ProposalStatus ProposalValue Propose
        READY_BLOCKS_MAX REASON_LENGTH_MAX Ready UPGRADE_KEY Upgrade UpgradeValue Vote Withdraw chain_key
        decode_chain decode_member decode_parameter decode_policy decode_proposal decode_upgrade key_key member_key
        open_key parameter_key policy_key proposal_key ready_message rotation_message
    """,
    "node": "",
    "ops": "",
    "peers": """
        KIND_BYTES_MAX Kind KindBounds PeerHandler PeerIdentity PeerLimits PeerNetwork PeerStatus create_tls_key
        open_tls_key
    """,
    "proof": """
        Claim ClaimContents ClaimKind ClaimMembers ClaimReading Comparison EpochWalk FinalHeader HistoryProof
        Manifest Organisation OriginalFacts OtherLeaf PackageContents PackageFacts PackagePlan ProvedClaim
        ProvedSubject ProvedValues STEPS StatementPage StatusEntry StatusProof StepOutcome TRANSACTION_KIND
        TransactionContents TransactionProof TrustAnchors TrustVerdict VerificationReport VerifiedPackage
        assemble_certificate build_package check_genesis check_network_genesis check_signer_set china_time
        decode_anchor decode_archive
        decode_body decode_certificate decode_envelope decode_genesis decode_header decode_receipt describe_facts
        describe_report encode_archive encode_certificate encode_envelope encode_genesis encode_header
        finality_message fingerprint first_signer_set header_identity judge_trust plan_package quorum refusing
        render_statement shown signer_set_digest verify_certificate verify_package verify_status verify_transaction
    """,
    "sdk": """
        Account Anchor Anchored CaptureOptions CapturedFile CapturedSet Catalogue Client Entry EventQuery
        EvidenceQuery EvidenceRecord EvidenceStatus FoundFile HistoryStep HttpTransport Organisation Prepared
        Signing Timeouts Transport TrustStore Watcher build_transaction capture_contents capture_paths content_facts
        default_home default_trust_path new_nonce now_ms
    """,
    "services": "",
    "signers": """
        FileSigner Notice PASSPHRASE_BYTES_MAX PASSPHRASE_BYTES_MIN PASSPHRASE_FILE PASSPHRASE_VARIABLE
        PROVIDERS PassphraseSource Provider RSA_BITS SOFTWARE_NOTICE Signer check_passphrase create_key_file
        generate_key open_key_file open_signer passphrase_from_environment passphrase_from_file
        passphrase_from_prompt passphrase_given passphrase_source read_private_file software_keys_open
        write_key_file write_private_file
    """,
    "state": """
        Batch CheckpointComputation CheckpointProgress CheckpointReader CheckpointRoot CheckpointTree
        CommittedState MemoryStore NO_STATE_ROOT Namespace NamespaceRegistry Overlay Pair Reader StateReader
        StateRoot Store Table Write compute_state_root split_key state_key
    """,
    "storage": """
        BlockReader BlockStore CHAIN_STATE_KEY DataDirectory DirectoryLayout FORMAT_VERSION KeyWriteKind
        MEMORY_BYTES Manifest RocksReader RocksStore SnapshotFacts SnapshotReader SnapshotTrust SnapshotVerifier
        StoredTransaction complete_directory create_directory inspect_directory install_snapshot verify_snapshot
        write_snapshot
    """,
    "texts": "LANGUAGES keys phrase sentence",
}
