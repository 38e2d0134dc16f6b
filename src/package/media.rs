//! The words of the OCI image and distribution specifications and of Helm's charts in registries.
//!
//! Invariant: every media type and annotation that is written or read stands here, once.

/// A manifest: one chart.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An index: a list of manifests.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's older form of a manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's older form of an index.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The configuration of a chart: Chart.yaml as JSON.
pub const CHART_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// The archive of a chart.
pub const CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// The archive of a chart, as Helm called it while this was an experiment.
pub const LEGACY_CHART: &str = "application/tar+gzip";
/// The provenance file of an archive.
pub const PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";
/// Bytes without a meaning.
pub const BYTES: &str = "application/octet-stream";

/// Annotation: the chart's name.
pub const TITLE: &str = "org.opencontainers.image.title";
/// Annotation: the chart's version.
pub const VERSION: &str = "org.opencontainers.image.version";
/// Annotation: the chart's description.
pub const DESCRIPTION: &str = "org.opencontainers.image.description";
/// Annotation: the chart's home page.
pub const URL: &str = "org.opencontainers.image.url";
/// Annotation: when the archive was made.
pub const CREATED: &str = "org.opencontainers.image.created";
/// Annotation: the first of the chart's sources.
pub const SOURCE: &str = "org.opencontainers.image.source";
/// Annotation: who keeps the chart.
pub const AUTHORS: &str = "org.opencontainers.image.authors";
