//! What the page looks like in each state, as HTML.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;

use super::document::{Message, Page};
use super::mirror::{Depth, Look, breakable, mirror};
use super::verdict::{Health, Standing, worst_first};
use crate::control::{Access, Changes, Configuration};
use crate::event::fault;
use crate::event::{Pair, PassId, RunOutcome};
use crate::ledger::samples;
use crate::ledger::{
    BlobProgress, Failure, Ledger, Newest, PassRecord, Phase, Progress, Record, RetryCount, State, TagState,
    TagStatus, Wait,
};
use crate::oci::{Digest, Tag};

const NOW: &str = "2026-08-01T12:00:00Z";

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

/// A mirror that no pass has found out anything about.
fn unknown(name: &str) -> Record {
    Record {
        source: format!("container-registry.oracle.com/{name}"),
        target: format!("123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/{name}"),
        schedule: Some("0 */6 * * * (Asia/Tokyo)".to_owned()),
        next_run: Some(at("2026-08-01T12:25:00Z")),
        ..samples::record(name)
    }
}

fn tag_status(name: &str, state: TagState) -> TagStatus {
    let digest = Some(Digest::of(name.as_bytes()));
    let tag = name.parse().unwrap();
    TagStatus {
        tag,
        source_tag: None,
        digest,
        state,
        size: None,
        pushed_at: None,
        copied_at: None,
        error: None,
    }
}

fn passed(outcome: RunOutcome, error: Option<&str>) -> PassRecord {
    PassRecord {
        pass: 3,
        retry: 0,
        started_at: at("2026-08-01T09:00:00Z"),
        finished_at: at("2026-08-01T09:00:05Z"),
        outcome,
        error: error.map(fault::sample),
        copied: 1,
        failed: u64::from(outcome == RunOutcome::Failed),
    }
}

fn fresh(name: &str) -> Record {
    let mut newest = tag_status("21.0.10", TagState::Current);
    (newest.size, newest.pushed_at) = (Some(188_951_345), Some(at("2026-08-01T09:00:04Z")));
    Record {
        last_run: Some(passed(RunOutcome::Succeeded, None)),
        last_success_at: Some(at("2026-08-01T09:00:05Z")),
        selected: Some(2),
        stale: Some(0),
        newest: Newest {
            source: Some(tag("21.0.10")),
            target: Some(tag("21.0.10")),
            pushed_at: Some(at("2026-08-01T09:00:04Z")),
        },
        tags: vec![newest, tag_status("21.0.9", TagState::Current)],
        ..unknown(name)
    }
}

fn behind(name: &str) -> Record {
    Record {
        stale: Some(1),
        stale_since: Some(at("2026-08-01T11:57:00Z")),
        newest: Newest { source: Some(tag("21.0.10")), target: Some(tag("21.0.9")), pushed_at: None },
        tags: vec![tag_status("21.0.10", TagState::Stale), tag_status("21.0.9", TagState::Current)],
        ..fresh(name)
    }
}

fn blob(name: &str, started_at: Option<Timestamp>, bytes: u64, pace: Option<u64>) -> BlobProgress {
    let digest = Digest::of(name.as_bytes());
    BlobProgress { digest, tag: "21.0.10".parse().unwrap(), size: 188_951_345, bytes, started_at, pace }
}

fn running(name: &str) -> Record {
    Record {
        state: State::Running,
        progress: Some(Progress {
            started_at: at("2026-08-01T11:58:00Z"),
            moved_at: at("2026-08-01T11:59:58Z"),
            phase: Phase::Copying,
            blobs: vec![
                blob("a", Some(at("2026-08-01T11:58:20Z")), 94_000_000, Some(940_000)),
                blob("b", None, 0, None),
            ],
            retries: vec![RetryCount { registry: "quay.io".into(), reason: "throttled".into(), count: 2 }],
            waits: vec![Wait {
                registry: "quay.io".into(),
                reason: "throttled".into(),
                until: at("2026-08-01T12:05:00Z"),
            }],
            bytes: 94_000_000,
            size: 188_951_345,
            tags_done: 1,
            tags: Some(2),
            pass: PassId {
                pair: Pair::new(name, &"target.test/a"),
                generation: 1,
                number: 1,
                retry: 0,
                tag: None,
            },
            copying: BTreeMap::new(),
        }),
        tags: vec![tag_status("21.0.10", TagState::Copying), tag_status("21.0.9", TagState::Current)],
        ..behind(name)
    }
}

fn failing(name: &str, error: &str) -> Record {
    let mut failed = tag_status("21.0.10", TagState::Failed);
    failed.error = Some(fault::sample(error));
    let failure = |tag| Failure { at: at("2026-08-01T09:00:05Z"), tag, error: fault::sample(error) };
    Record {
        last_run: Some(passed(RunOutcome::Failed, None)),
        tags: vec![failed, tag_status("21.0.9", TagState::Current)],
        failures: vec![failure("21.0.10".parse().ok()), failure(None)],
        ..behind(name)
    }
}

/// What a page of these mirrors is made of.
struct Sample {
    configuration: Configuration,
    standings: Vec<Standing>,
    records: Vec<Record>,
    access: Access,
}

impl Sample {
    fn of(mirrors: Vec<Record>, access: Access) -> Self {
        let configuration = Configuration { loaded_at: at("2026-08-01T08:00:00Z"), error: None };
        let (standings, records) =
            worst_first(mirrors.into_iter(), |it| Standing::of(it, at(NOW))).into_iter().unzip();
        Self { configuration, standings, records, access }
    }

    fn page(&self) -> Page<'_> {
        let (_, mark) = Changes::new(self.configuration.loaded_at).since(None, Vec::new());
        Page {
            version: "1.2.3",
            configuration: &self.configuration,
            standings: &self.standings,
            only: None,
            health: None,
            look: Look { has_button: !matches!(self.access, Access::Nobody), ..look(Depth::Full) },
            access: &self.access,
            is_stopping: false,
            message: None,
            mark,
        }
    }

    fn html(&self) -> String {
        self.html_of(&self.page())
    }

    fn html_of(&self, page: &Page<'_>) -> String {
        let (before, after) = page.around();
        let mirrors = self.records.iter().map(|record| mirror(record, page.look).into_string());
        format!("{before}{}{after}", mirrors.collect::<String>())
    }
}

fn look(depth: Depth) -> Look {
    Look { depth, has_button: true, now: at(NOW) }
}

/// The markup, one element a line.
fn lines(html: &str) -> String {
    html.replace("><", ">\n<")
}

fn card(record: &Record) -> String {
    lines(&mirror(record, look(Depth::Full)).into_string())
}

#[test]
fn a_mirror_without_a_pass() {
    insta::assert_snapshot!(card(&unknown("java/jdk")));
}

#[test]
fn a_running_mirror() {
    insta::assert_snapshot!(card(&running("java/jdk")));
}

#[test]
fn a_mirror_that_is_late_and_whose_pass_is_stuck_says_since_when() {
    let late = Record { late_at: Some(at("2026-08-01T10:00:00Z")), ..fresh("java/jdk") };
    let html = card(&late);
    assert!(html.contains(r#"<article class="mirror late""#), "{html}");
    assert!(html.contains("Late: a success was due by <time") && html.contains("2 h ago"), "{html}");
    let mut stuck = running("java/jdk");
    stuck.progress.as_mut().unwrap().moved_at = at("2026-08-01T11:30:00Z");
    let html = card(&stuck);
    assert!(html.contains(r#"<article class="mirror stuck""#), "{html}");
    assert!(html.contains("has not moved since <time") && html.contains("30 min ago"), "{html}");
}

#[test]
fn a_fresh_mirror() {
    insta::assert_snapshot!(card(&fresh("java/jdk")));
}

#[test]
fn a_mirror_that_is_behind() {
    insta::assert_snapshot!(card(&behind("java/jdk")));
}

#[test]
fn a_failing_mirror() {
    insta::assert_snapshot!(card(&failing("java/jdk", "target: no permission; allow `ecr:PutImage`")));
}

#[test]
fn a_mirror_of_tags_without_versions_does_not_contradict_itself() {
    let tags = ["latest", "21", "25", "stable"].map(|name| tag_status(name, TagState::Current)).to_vec();
    let html = card(&Record { newest: Newest::default(), tags, selected: Some(4), ..fresh("java/jdk") });
    assert!(!html.contains("Newest") && !html.contains("not known</span></dd>"), "{html}");
    let words = html.replace('\n', "");
    assert!(
        words.contains(
            "<dt>Selected</dt><dd><code>latest</code>, <code>21</code>, <code>25</code> and 1 more</dd>"
        ),
        "{words}"
    );
}

#[test]
fn a_failing_mirror_without_a_success_is_behind_by_nobody_knows_what() {
    let record =
        Record { stale: Some(0), stale_since: None, last_success_at: None, ..failing("java/jdk", "no") };
    let words = card(&record).replace('\n', "");
    assert!(words.contains("<dt>Behind by</dt><dd><span class=\"none\">not known</span></dd>"), "{words}");
}

#[test]
fn the_error_of_a_tag_stands_once() {
    let error = "target: no permission for this";
    let html = card(&failing("java/jdk", error));
    // That of the tag, and that of the whole mirror in another run.
    assert_eq!(html.matches(error).count(), 2, "{html}");
    let mut record = failing("java/jdk", error);
    record.failures.truncate(1);
    let html = card(&record);
    assert_eq!(html.matches(error).count(), 1, "{html}");
}

#[test]
fn of_several_mirrors_those_that_are_fresh_are_a_line_that_opens() {
    let html = mirror(&fresh("java/jdk"), look(Depth::Folded)).into_string();
    assert!(html.contains(r#"<article class="mirror fresh line""#), "{html}");
    let (line, rest) = html.split_once("<details class=\"all\">").unwrap();
    assert!(line.contains("<code>21.0.10</code>") && line.contains("last success <time"), "{line}");
    assert!(rest.contains("<dl class=\"facts\">") && rest.contains("details class=\"tags\""), "{rest}");
    for record in [failing("java/jdk", "no"), behind("java/jdk"), running("java/jdk"), unknown("java/jdk")] {
        let html = mirror(&record, look(Depth::Folded)).into_string();
        assert!(!html.contains("line\"") && !html.contains("class=\"all\""), "{html}");
    }
    let html = mirror(&fresh("java/jdk"), look(Depth::Brief)).into_string();
    assert!(html.contains("mirror fresh line") && html.contains(">2 tags</a>"), "{html}");
}

#[test]
fn names_break_at_their_separators() {
    assert_eq!(breakable("a/b-c.d:e").into_string(), "a/<wbr>b-<wbr>c.<wbr>d:<wbr>e");
    assert_eq!(breakable("<a>/").into_string(), "&lt;a&gt;/");
    assert_eq!(breakable("a-b-a-").into_string(), "a-<wbr>b-<wbr>a-");
}

#[test]
fn counts_and_the_way_back_are_links() {
    let sample = Sample::of(vec![fresh("a"), failing("b", "no")], Access::Local);
    let html = sample.html_of(&Page { health: Some(Health::Failing), ..sample.page() });
    for link in [r#"<a href="./?health=failing">1 failing</a>"#, r#"<a href="./?health=fresh">1 fresh</a>"#] {
        assert!(html.contains(link), "{html}");
    }
    assert!(
        html.contains(r#"data-health="failing""#) && html.contains("Only those that are failing:"),
        "{html}"
    );
    assert!(html.contains(r#"<a href="./?health=failing">Load it again</a>"#), "{html}");
    assert!(html.contains("← All mirrors"), "{html}");
}

#[test]
fn one_of_many_mirrors_is_brief() {
    let html = mirror(&failing("java/jdk", "no"), look(Depth::Brief)).into_string();
    assert!(!html.contains("<details"), "{html}");
    assert!(html.contains(r#"<a href="./?mirror=java%2Fjdk">2 tags, 2 failures</a>"#), "{html}");
}

#[test]
fn a_whole_page_after_a_faulty_reload() {
    let access = Access::Token(SecretString::from("secret"));
    let mut page = Sample::of(vec![fresh("java/jdk"), failing("db/free", "no"), unknown("mysql")], access);
    page.configuration.error = Some("tagferry.yaml:8:1: unknown key `nonsense`".to_owned());
    let html = page.html();
    assert!(!html.contains("secret"), "{html}");
    insta::assert_snapshot!(lines(&html));
}

#[test]
fn of_very_many_tags_those_that_are_not_as_they_should_be_are_listed() {
    let mut tags: Vec<_> =
        (0..60_000).map(|number| tag_status(&number.to_string(), TagState::Current)).collect();
    tags[59_999].state = TagState::Stale;
    let html = card(&Record { tags, ..behind("java/jdk") });
    assert_eq!(html.matches("<th scope=\"row\">").count(), 1000);
    assert!(html.contains("<code>59999</code>") && html.contains("and 59000 more"));
    assert!(html.len() < 1024 * 1024, "{}", html.len());
}

#[test]
fn the_worst_mirrors_are_first() {
    let mirrors = vec![fresh("a"), unknown("b"), behind("c"), failing("d", "no"), fresh("e")];
    let html = Sample::of(mirrors, Access::Local).html();
    let place = |name: &str| html.find(&format!("id=\"mirror-{name}-")).unwrap();
    let places = ["d", "c", "b", "a", "e"].map(place);
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn where_nobody_may_start_anything_the_page_says_what_to_set() {
    let html = Sample::of(vec![fresh("a"), fresh("b")], Access::Nobody).html();
    assert!(html.contains("set <code>TAGFERRY_API_TOKEN</code>") && !html.contains("<form"), "{html}");
    assert!(!html.contains("<button"), "{html}");
}

#[test]
fn markup_from_elsewhere_is_text() {
    const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\r\n&amp;";
    let mut hostile = failing(HOSTILE, HOSTILE);
    hostile.schedule = Some(HOSTILE.to_owned());
    if let Some(run) = &mut hostile.last_run {
        run.error = Some(fault::sample(HOSTILE));
    }
    let mut page = Sample::of(vec![hostile, fresh("a")], Access::Local);
    page.configuration.error = Some(HOSTILE.to_owned());
    for only in [None, Some(HOSTILE)] {
        let message = Some(Message::Refused(HOSTILE.to_owned()));
        let html = page.html_of(&Page { only, message, ..page.page() });
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
        // The only script is our own file, and nothing that was put in ends an attribute.
        assert_eq!(html.matches("<script").count(), 1, "{html}");
        assert!(!html.contains("<img") && !html.contains("\"'>"), "{html}");
    }
}

#[test]
fn events_have_lines_of_their_own_whatever_an_error_holds() {
    let html = card(&failing("java/jdk", "one\r\ntwo\nevent: x"));
    let text = serde_json::to_string(&html).unwrap();
    assert!(!text.contains(['\r', '\n']), "{text}");
}

#[test]
fn changes_are_told_once_and_in_order() {
    let yaml = "mirrors:\n  - {source: r.example/a, target: \"oci:a\", tags: [{match: .}]}\n  \
                - {source: r.example/b, target: \"oci:b\", tags: [{match: .}]}\n";
    let config = crate::config::Config::parse("t.yaml", yaml, &|_| None).unwrap();
    let workers = crate::worker::sample(&config.mirrors);
    let changes = Changes::new(at(NOW));
    let names = |changed: &[Arc<crate::worker::Worker>]| -> Vec<String> {
        changed.iter().map(|worker| worker.pair().mirror.clone()).collect()
    };

    let (all, first) = changes.since(None, workers.all());
    assert_eq!(names(&all), ["a", "b"]);
    assert!(changes.since(Some(first), workers.all()).0.is_empty());
    workers.fire(&["b".to_owned()]).unwrap();
    let (after, second) = changes.since(Some(first), workers.all());
    assert_eq!(names(&after), ["b"]);
    // Another listener, who saw less, is told the same; who has seen it is not.
    assert_eq!(names(&changes.since(Some(first), workers.all()).0), ["b"]);
    assert!(changes.since(Some(second), workers.all()).0.is_empty());
    // Another process counted otherwise.
    assert_eq!(
        names(&Changes::new(at("2026-08-01T12:00:01Z")).since(Some(second), workers.all()).0),
        ["a", "b"]
    );
    assert_eq!(second.to_string().parse(), Ok(second));
}

#[test]
fn a_mirror_that_is_gone_is_forgotten_and_told_where_it_comes_back() {
    let ledger = Arc::new(Ledger::new(at(NOW)));
    let workers = crate::worker::Workers::new(Arc::clone(&ledger));
    let changes = Changes::new(at(NOW));
    let mut generation = 0;
    let mut look = |names: &[&str], mark| {
        generation += 1;
        let configured = ledger.configure(&samples::mirrors(names), generation, at(NOW));
        workers.configure(&configured, std::time::Duration::ZERO);
        let (told, mark) = changes.since(mark, workers.all());
        (told.iter().map(|worker| worker.pair().mirror.clone()).collect::<Vec<_>>(), mark)
    };
    let (_, mut mark) = look(&["a", "b"], None);
    for number in 0..100 {
        let name = format!("goes-{number}");
        let told;
        (told, mark) = look(&["a", &name], Some(mark));
        assert!(told.contains(&name), "{told:?}");
    }
    assert!(look(&["a", "b"], Some(mark)).0.contains(&"b".to_owned()));
    assert!(changes.known() <= 3, "{}", changes.known());
}
