//! The laws and standards that are known here, in our words, each requirement with the fact that answers it.

/// A law or standard.
pub struct Framework {
    /// What it is asked for by.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// Where it is written.
    pub source: &'static str,
    /// What it asks for, as far as recorded facts can answer.
    pub requirements: &'static [Requirement],
}

/// Something it asks for.
pub struct Requirement {
    /// Where it stands in the source.
    pub id: &'static str,
    /// What is asked for.
    pub title: &'static str,
    /// The fact that answers it.
    pub fact: &'static str,
    /// What must hold of a version in production.
    pub rule: &'static str,
}

/// A fact and the rule that finds it.
type Fact = (&'static str, &'static str);

const fn asks(id: &'static str, title: &'static str, (fact, rule): Fact) -> Requirement {
    Requirement { id, title, fact, rule }
}

const DATA_KNOWN: Fact = (
    "the version names the data it learned from, and its digest",
    "context.spec has datasetVersion && context.spec has datasetDigest",
);
const DATA_QUALITY: Fact = (
    "the last check of the data's rules of quality passed",
    "context has data && context.data has quality && context.data.quality",
);
const DATA_LICENSE: Fact =
    ("the data's licence is on record", "context has data && context.data has license");
const DATA_CONTRACT: Fact =
    ("the data has a contract for its columns", "context has data && context.data has contract");
const PURPOSE: Fact = ("the card tells the intended use", "!context.missing.contains(\"intendedUse\")");
const CAVEATS: Fact = ("the card tells the caveats", "!context.missing.contains(\"caveats\")");
const DOCUMENTED: Fact = (
    "the card tells task, target, parameters and intended use",
    "!context.missing.containsAny([\"intendedUse\", \"parameters\", \"task\", \"target\"])",
);
const JOURNALED: Fact = ("every change of the version is in the journal", "context.changes > 0");
const MEASURED: Fact = ("metrics on held-out rows are on record", "!context.missing.contains(\"metrics\")");
const APPROVED: Fact =
    ("somebody other than its maker has approved the version", "context.approvalCount > 0");
const RISK: Fact = ("the version has the label `risk`", "context.labels has risk");
const INTERFACE: Fact = ("what the model takes and gives is on record", "context.spec has signature");
const IN_FORCE: Fact = ("the version is not deprecated", "!context.status.deprecated");

/// All of them.
pub const ALL: [Framework; 3] = [
    Framework {
        id: "eu-ai-act",
        title: "EU Artificial Intelligence Act, high-risk systems",
        source: "Regulation (EU) 2024/1689, chapter III, section 2",
        requirements: &[
            asks("art-9", "Risks are known and classed", RISK),
            asks("art-10.2.b", "The origin of the data is known", DATA_KNOWN),
            asks("art-10.2.c", "How the data is made ready is settled", DATA_CONTRACT),
            asks("art-10.2.g", "The data is examined for errors", DATA_QUALITY),
            asks("art-11", "There is technical documentation", DOCUMENTED),
            asks("art-12", "Events are recorded", JOURNALED),
            asks("art-13", "Those who use it are told what it can and cannot do", CAVEATS),
            asks("art-14", "People oversee it", APPROVED),
            asks("art-15", "Its accuracy is declared", MEASURED),
        ],
    },
    Framework {
        id: "iso-42001",
        title: "AI management system, annex A",
        source: "ISO/IEC 42001:2023",
        requirements: &[
            asks("A.5", "The impact of the system is assessed", RISK),
            asks("A.6.2.4", "The system is verified and validated", MEASURED),
            asks("A.6.2.5", "Deployment follows an agreed plan", APPROVED),
            asks("A.6.2.7", "There is technical documentation", DOCUMENTED),
            asks("A.6.2.8", "Events are logged", JOURNALED),
            asks("A.7.4", "The quality of the data is defined and checked", DATA_QUALITY),
            asks("A.7.5", "The provenance of the data is recorded", DATA_KNOWN),
            asks("A.7.6", "How the data is prepared is defined", DATA_CONTRACT),
            asks("A.8.2", "Users are informed", CAVEATS),
            asks("A.9.4", "The intended use is told", PURPOSE),
        ],
    },
    Framework {
        id: "nist-ai-rmf",
        title: "AI Risk Management Framework 1.0",
        source: "NIST AI 100-1",
        requirements: &[
            asks("GOVERN 1.4", "What is done is transparent and on record", JOURNALED),
            asks("GOVERN 6.1", "The terms of what others made are known", DATA_LICENSE),
            asks("MAP 1.1", "Purpose and context are understood", PURPOSE),
            asks("MAP 2.1", "Task and methods are defined", DOCUMENTED),
            asks("MAP 2.2", "Limits of the system's knowledge are told", CAVEATS),
            asks("MAP 2.3", "The data was chosen and is known", DATA_KNOWN),
            asks("MAP 5.1", "Impacts are classed", RISK),
            asks("MEASURE 2.1", "Test sets and metrics are documented", MEASURED),
            asks("MEASURE 2.9", "What the model takes and gives is documented", INTERFACE),
            asks("MANAGE 1.1", "Somebody decided that it may go on", APPROVED),
            asks("MANAGE 2.4", "What must not be used is taken out of use", IN_FORCE),
        ],
    },
];
