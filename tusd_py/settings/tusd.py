"""tusd's settings for what is not offered: read as tusd reads them, then refused or without effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tusd_py.settings.declaration import setting

_NO_HOOKS: Final = "hooks over gRPC are not offered yet; uploads would be taken without asking them"
_NO_GO: Final = "plugins in Go cannot be loaded; a Python application can embed the server and give callables"
_NO_S3: Final = "S3 is not offered yet; uploads are kept in a directory (-upload-dir)"
_NO_GCS: Final = "Google Cloud Storage is not offered; uploads are kept in a directory (-upload-dir)"
_NO_AZURE: Final = "Azure is not offered; uploads are kept in a directory (-upload-dir)"
_NO_PPROF: Final = "it belongs to the profiler of Go programs"
_NO_POLLS: Final = "locks are held by the kernel, and their holders are told at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class TusdSettings:
    """What tusd can be told and we cannot do; whoever adds one of these takes its settings from here."""

    enable_h2c: bool = setting(
        False,
        flag="enable-h2c",
        group="Listening",
        help="Take HTTP/2 without TLS, too",
        refused="HTTP/2 is not offered; a proxy in front can speak it",
    )
    enable_experimental_protocol: bool = setting(
        False,
        flag="enable-experimental-protocol",
        group="Upload protocol",
        help="Speak the IETF's draft for resumable uploads, too",
        refused="the IETF's protocol is not offered yet",
    )

    filelock_holder_poll_interval_s: float = setting(
        5.0,
        flag="filelock-holder-poll-interval",
        group="File storage",
        help="How often the holder of a lock looks whether somebody wants it",
        no_effect=_NO_POLLS,
    )
    filelock_acquirer_poll_interval_s: float = setting(
        2.0,
        flag="filelock-acquirer-poll-interval",
        group="File storage",
        help="How often somebody who waits for a lock tries again",
        no_effect=_NO_POLLS,
    )

    s3_bucket: str = setting(
        "", flag="s3-bucket", group="AWS S3 storage", help="Keep uploads in this bucket", refused=_NO_S3
    )
    s3_object_prefix: str = setting(
        "", flag="s3-object-prefix", group="AWS S3 storage", help="Prefix of the objects' names"
    )
    s3_endpoint: str = setting(
        "",
        flag="s3-endpoint",
        group="AWS S3 storage",
        help="Endpoint of a service like S3",
    )
    s3_min_part_size: int = setting(
        5 << 20, flag="s3-min-part-size", group="AWS S3 storage", help="Smallest part but the last in bytes"
    )
    s3_part_size: int = setting(
        50 << 20, flag="s3-part-size", group="AWS S3 storage", help="Preferred size of a part in bytes"
    )
    s3_max_buffered_parts: int = setting(
        20,
        flag="s3-max-buffered-parts",
        group="AWS S3 storage",
        help="Most parts of a request that wait on disk",
    )
    s3_disable_content_hashes: bool = setting(
        False,
        flag="s3-disable-content-hashes",
        group="AWS S3 storage",
        help="Do not hash what is sent to S3",
    )
    s3_disable_ssl: bool = setting(
        False, flag="s3-disable-ssl", group="AWS S3 storage", help="Speak plain HTTP with S3"
    )
    s3_concurrent_part_uploads: int = setting(
        10, flag="s3-concurrent-part-uploads", group="AWS S3 storage", help="Most parts sent at once"
    )
    s3_transfer_acceleration: bool = setting(
        False,
        flag="s3-transfer-acceleration",
        group="AWS S3 storage",
        help="Use the endpoint for transfer acceleration",
    )
    s3_log_api_calls: bool = setting(
        False, flag="s3-log-api-calls", group="AWS S3 storage", help="Log each call of S3"
    )

    gcs_bucket: str = setting(
        "",
        flag="gcs-bucket",
        group="Google Cloud Storage",
        help="Keep uploads in this bucket",
        refused=_NO_GCS,
    )
    gcs_object_prefix: str = setting(
        "", flag="gcs-object-prefix", group="Google Cloud Storage", help="Prefix of the objects' names"
    )
    gcs_endpoint: str = setting(
        "", flag="gcs-endpoint", group="Google Cloud Storage", help="Endpoint of a service that is compatible"
    )

    azure_storage: str = setting(
        "",
        flag="azure-storage",
        group="Azure Storage",
        help="Keep uploads in this container",
        refused=_NO_AZURE,
    )
    azure_container_access_type: str = setting(
        "",
        flag="azure-container-access-type",
        group="Azure Storage",
        help="Access to a new container: blob, container or none",
    )
    azure_blob_access_tier: str = setting(
        "",
        flag="azure-blob-access-tier",
        group="Azure Storage",
        help="Tier of new files: archive, cool, hot or the account's",
    )
    azure_object_prefix: str = setting(
        "", flag="azure-object-prefix", group="Azure Storage", help="Prefix of the objects' names"
    )
    azure_endpoint: str = setting(
        "", flag="azure-endpoint", group="Azure Storage", help="Endpoint of a service that is compatible"
    )

    hooks_grpc: str = setting(
        "", flag="hooks-grpc", group="gRPC hook", help="Target that events are sent to", refused=_NO_HOOKS
    )
    hooks_grpc_retry: int = setting(3, flag="hooks-grpc-retry", group="gRPC hook", help="Attempts in all")
    hooks_grpc_backoff_s: float = setting(
        1.0, flag="hooks-grpc-backoff", group="gRPC hook", help="Wait between two attempts"
    )
    hooks_grpc_secure: bool = setting(False, flag="hooks-grpc-secure", group="gRPC hook", help="Use TLS")
    hooks_grpc_server_tls_certificate: str = setting(
        "",
        flag="hooks-grpc-server-tls-certificate",
        group="gRPC hook",
        help="File with the server's certificate",
    )
    hooks_grpc_client_tls_certificate: str = setting(
        "", flag="hooks-grpc-client-tls-certificate", group="gRPC hook", help="File with our certificate"
    )
    hooks_grpc_client_tls_key: str = setting(
        "", flag="hooks-grpc-client-tls-key", group="gRPC hook", help="File with our key"
    )
    hooks_grpc_forward_headers: str = setting(
        "",
        flag="hooks-grpc-forward-headers",
        group="gRPC hook",
        help="Comma list of request headers to send along",
    )
    hooks_plugin: str = setting(
        "", flag="hooks-plugin", group="Plugin hook", help="A plugin in Go", refused=_NO_GO
    )

    expose_pprof: bool = setting(
        False,
        flag="expose-pprof",
        group="Monitoring, profiling, logging",
        help="Offer Go's profiler",
        no_effect=_NO_PPROF,
    )
    pprof_path: str = setting(
        "/debug/pprof/",
        flag="pprof-path",
        group="Monitoring, profiling, logging",
        help="Path of Go's profiler",
        no_effect=_NO_PPROF,
    )
    pprof_block_profile_rate: int = setting(
        0,
        flag="pprof-block-profile-rate",
        group="Monitoring, profiling, logging",
        help="How many blocking events Go's profiler sees",
        no_effect=_NO_PPROF,
    )
    pprof_mutex_profile_rate: int = setting(
        0,
        flag="pprof-mutex-profile-rate",
        group="Monitoring, profiling, logging",
        help="How many waits for a mutex Go's profiler sees",
        no_effect=_NO_PPROF,
    )

    request_completion_timeout_s: float = setting(
        10.0,
        flag="request-completion-timeout",
        group="Timeout",
        help="Time for storing what arrived after a request was broken off",
        no_effect="what arrived is always stored to the end",
    )
