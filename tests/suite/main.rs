//! The one integration-test binary. Every file in `tests/suite` is declared here, and a test fails when one is not:
//! a file that nobody compiles tests nothing.

#![allow(clippy::print_stdout)] // tests say what they skipped and what they counted

mod bad_input;
mod bounds;
mod chart_loading;
mod classic_session;
mod cli_cases;
mod cli_streams;
mod etcd;
mod etcd_program;
mod etcd_servers;
mod functions_cases;
mod fuzz_seeds;
mod gotpl_cases;
mod hub;
mod index_caches;
mod index_repository;
mod ingress_session;
mod kills;
mod kube;
mod kube_drivers;
mod kube_faults;
mod kube_hooks;
mod kube_leases;
mod kube_live_state;
mod kube_plans;
mod kube_progress;
mod kube_refusals;
mod kube_round_trip;
mod kube_support;
mod kube_verbs;
mod kube_way;
mod lint_cases;
mod manifest_cases;
mod packaging;
mod previews;
mod provenance;
mod random_kills;
mod registry;
mod registry_charts;
mod registry_faults;
mod release_locks;
mod release_objects;
mod release_races;
mod releases;
mod render_cases;
mod repo_commands;
mod repositories;
mod repository_answers;
mod repository_dependencies;
mod saved_plans;
mod schema_documents;
mod serving;
mod serving_bucket;
mod serving_museum;
mod serving_oci;
mod serving_page;
mod serving_tls;
mod serving_token_service;
mod serving_tokens;
mod serving_uploads;
mod source_maps;
mod sqlite_files;
mod state_machine;
mod store_kill;
mod stores;
mod support;
mod template_server;
mod tera_cases;
mod tidy;
mod transfers;
mod undone;
mod values_cases;
mod vectors;
mod yaml_cases;

#[test]
fn every_file_is_declared() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    let declared = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).expect("the suite's folder is there") {
        let path = entry.expect("it can be read").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("file names are text");
        let is_module = path.extension().is_some_and(|extension| extension == "rs") || path.is_dir();
        if is_module && name != "main" {
            assert!(
                declared.lines().any(|line| line == format!("mod {name};")),
                "tests/suite/{name} is not declared in tests/suite/main.rs"
            );
        }
    }
}
