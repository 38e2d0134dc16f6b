//! `bowline completion SHELL`.

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::complete::{self, Shell};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "completion",
    aliases: &[],
    about: "Print a completion script for a shell",
    long: "Prints a script that teaches a shell to complete bowline's commands and flags.",
    examples: "\
# For this session
source <(bowline completion bash)",
    positionals: "",
    exclusive: &[],
    body: Body::Group {
        verbs: &[
            &Verb {
                name: "bash",
                aliases: &[],
                about: "Print the script for bash",
                long: "Prints the completion script for bash. It needs the bash-completion package.",
                examples: "\
source <(bowline completion bash)
bowline completion bash > /etc/bash_completion.d/bowline",
                positionals: "",
                exclusive: &[],
                body: Body::Leaf(Leaf::of::<BashArgs>()),
            },
            &Verb {
                name: "fish",
                aliases: &[],
                about: "Print the script for fish",
                long: "Prints the completion script for fish.",
                examples: "bowline completion fish > ~/.config/fish/completions/bowline.fish",
                positionals: "",
                exclusive: &[],
                body: Body::Leaf(Leaf::of::<FishArgs>()),
            },
            &Verb {
                name: "powershell",
                aliases: &[],
                about: "Print the script for PowerShell",
                long: "Prints the completion script for PowerShell.",
                examples: "bowline completion powershell | Out-String | Invoke-Expression",
                positionals: "",
                exclusive: &[],
                body: Body::Leaf(Leaf::of::<PowershellArgs>()),
            },
            &Verb {
                name: "zsh",
                aliases: &[],
                about: "Print the script for zsh",
                long: "Prints the completion script for zsh.",
                examples: "bowline completion zsh > \"${fpath[1]}/_bowline\"",
                positionals: "",
                exclusive: &[],
                body: Body::Leaf(Leaf::of::<ZshArgs>()),
            },
        ],
        fallback: None,
    },
};

macro_rules! shell {
    ($args:ident, $shell:expr, $name:literal) => {
        #[doc = concat!("Flags of `completion ", $name, "`.")]
        #[derive(Debug, Clone, Args)]
        pub struct $args {
            /// Accepted for Helm's sake; the scripts carry descriptions where the shell shows them
            #[arg(long, hide = true)]
            pub no_descriptions: bool,
        }

        impl Run for $args {
            fn run(self, session: &Session) -> Outcome {
                session.ui.out(&complete::script(session.settings.program, $shell))?;
                Ok(Exit::Done)
            }
        }
    };
}

shell!(BashArgs, Shell::Bash, "bash");
shell!(FishArgs, Shell::Fish, "fish");
shell!(PowershellArgs, Shell::PowerShell, "powershell");
shell!(ZshArgs, Shell::Zsh, "zsh");
