//! A question as a query: the words, and around them what the caller may see.

use std::{collections::BTreeMap, ops::Bound};

use base::Time;
use ports::search::{Found, Hit, Order, Question};
use serde_json::{Value, json};
use tantivy::{
    DocAddress, Order as Sorted, Score, Searcher, TantivyDocument, Term,
    aggregation::{AggregationCollector, agg_req::Aggregations},
    collector::{Count, TopDocs},
    query::{
        AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query, QueryParser, RangeQuery,
        RegexQuery, TermSetQuery,
    },
    schema::{Field, Value as _},
    snippet::SnippetGenerator,
};

use crate::{Reading, fields};

/// How many values of all facets together are counted.
const FACETS_MAX: usize = 500;
/// How long an excerpt is, in characters.
const EXCERPT: usize = 160;
/// How many objects are looked at for suggestions.
const SUGGESTED_FROM: usize = 200;

/// Looks.
pub fn find(reading: &Reading, it: &Question) -> tantivy::Result<Found> {
    let searcher = reading.reader.searcher();
    let words = words(reading, it);
    let query = within(reading, it, words.box_clone());
    let counting: Aggregations =
        serde_json::from_value(json!({"facets": {"terms": {"field": "facet", "size": FACETS_MAX}}}))?;
    let counting = AggregationCollector::from_aggs(counting, Default::default());
    let (total, counted) = searcher.search(&query, &(Count, counting))?;
    let top = TopDocs::with_limit(it.limit.max(1)).and_offset(it.offset);
    let unscored = |all: Vec<(Option<i64>, DocAddress)>| all.into_iter().map(|(_, at)| (0.0, at)).collect();
    let page: Vec<(Score, DocAddress)> = match it.order {
        Order::Relevance => searcher.search(&query, &top.order_by_score())?,
        Order::Updated => {
            unscored(searcher.search(&query, &top.order_by_fast_field::<i64>("updated", Sorted::Desc))?)
        }
        Order::Created => {
            unscored(searcher.search(&query, &top.order_by_fast_field::<i64>("created", Sorted::Desc))?)
        }
    };
    let mut hits = hits(reading, &searcher, (&*words, &page))?;
    if it.order == Order::Relevance {
        hits.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then(b.updated.cmp(&a.updated)).then(a.uid.cmp(&b.uid))
        });
    }
    hits.truncate(it.limit);
    let facets = facets(&serde_json::to_value(counted)?);
    Ok(Found { hits, total: total as u64, facets })
}

/// Names that begin like the words.
pub fn suggest(reading: &Reading, it: &Question) -> tantivy::Result<Vec<String>> {
    let Some(last) = it.words.split_whitespace().last() else { return Ok(Vec::new()) };
    let query = within(reading, it, prefix(reading.fields.name, last).unwrap_or_else(|| Box::new(AllQuery)));
    let searcher = reading.reader.searcher();
    let top = TopDocs::with_limit(SUGGESTED_FROM).order_by_fast_field::<i64>("updated", Sorted::Desc);
    let mut names = Vec::new();
    for (_, at) in searcher.search(&query, &top)? {
        let name = text(&searcher.doc(at)?, reading.fields.name);
        if !names.contains(&name) {
            names.push(name);
        }
        if names.len() == it.limit {
            break;
        }
    }
    Ok(names)
}

/// What the words ask for: every object where there are none.
fn words(reading: &Reading, it: &Question) -> Box<dyn Query> {
    let asked = it.words.trim();
    if asked.is_empty() {
        return Box::new(ConstScoreQuery::new(Box::new(AllQuery), 0.0));
    }
    let fields = &reading.fields;
    let mut parser = QueryParser::for_index(&reading.index, vec![fields.name, fields.title, fields.text]);
    parser.set_conjunction_by_default();
    parser.set_field_boost(fields.name, 3.0);
    parser.set_field_boost(fields.title, 2.0);
    // What cannot be understood is passed over; nobody is refused for a stray quote.
    let (parsed, _) = parser.parse_query_lenient(asked);
    // Whoever is still typing the last word finds its beginnings too.
    match asked.split_whitespace().last().and_then(|last| prefix(fields.name, last)) {
        Some(begun) if !asked.contains(['"', ':', '(', '-']) && !asked.contains(' ') => {
            let begun: Box<dyn Query> = Box::new(BoostQuery::new(begun, 0.5));
            Box::new(BooleanQuery::new(vec![(Occur::Should, parsed), (Occur::Should, begun)]))
        }
        _ => parsed,
    }
}

/// Names with a word that begins so.
fn prefix(field: Field, word: &str) -> Option<Box<dyn Query>> {
    let plain: String = word.to_lowercase().chars().filter(|c| c.is_alphanumeric()).take(40).collect();
    let query = RegexQuery::from_pattern(&format!("{plain}.*"), field).ok().filter(|_| !plain.is_empty())?;
    Some(Box::new(query))
}

/// The words, where the caller may look, narrowed by facets and time.
fn within(reading: &Reading, it: &Question, words: Box<dyn Query>) -> BooleanQuery {
    let fields = &reading.fields;
    let set = |field: Field, terms: Vec<String>| -> Box<dyn Query> {
        let terms = terms.iter().map(|text| Term::from_field_text(field, text));
        Box::new(ConstScoreQuery::new(Box::new(TermSetQuery::new(terms)), 0.0))
    };
    let places = it.places.iter().map(|at| fields::place(&it.org, &at.kind, &at.project)).collect();
    let mut all = vec![(Occur::Must, words), (Occur::Must, set(fields.place, places))];
    for (name, values) in &it.facets {
        let terms = values.iter().map(|value| fields::facet(name, value)).collect();
        all.push((Occur::Must, set(fields.facet, terms)));
    }
    if let Some(since) = it.since {
        let from = Term::from_field_i64(fields.created, since.micros());
        let range = RangeQuery::new(Bound::Included(from), Bound::Unbounded);
        all.push((Occur::Must, Box::new(ConstScoreQuery::new(Box::new(range), 0.0))));
    }
    BooleanQuery::new(all)
}

fn text(document: &TantivyDocument, field: Field) -> String {
    document.get_first(field).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

fn hits(
    reading: &Reading,
    searcher: &Searcher,
    (words, page): (&dyn Query, &[(Score, DocAddress)]),
) -> tantivy::Result<Vec<Hit>> {
    let fields = &reading.fields;
    let mut excerpts = Vec::new();
    for field in [fields.title, fields.text] {
        let mut generator = SnippetGenerator::create(searcher, words, field)?;
        generator.set_max_num_chars(EXCERPT);
        excerpts.push((field, generator));
    }
    let mut hits = Vec::with_capacity(page.len());
    for (score, at) in page {
        let document: TantivyDocument = searcher.doc(*at)?;
        let found =
            excerpts.iter().map(|(field, generator)| (*field, generator.snippet(&text(&document, *field))));
        let found = found.into_iter().find(|(_, snippet)| !snippet.is_empty());
        let (excerpt, highlights) = match found {
            Some((_, snippet)) => {
                let fragment = snippet.fragment().to_owned();
                // Bytes to characters, which is what a caller counts.
                let at = |byte: usize| fragment.get(..byte).map_or(0, |before| before.chars().count());
                let highlights = snippet.highlighted().iter().map(|it| (at(it.start), at(it.end))).collect();
                (fragment, highlights)
            }
            None => (text(&document, fields.text).chars().take(EXCERPT).collect(), Vec::new()),
        };
        let updated = document.get_first(fields.updated).and_then(|value| value.as_i64()).unwrap_or(0);
        hits.push(Hit {
            uid: text(&document, fields.uid),
            kind: text(&document, fields.kind),
            project: text(&document, fields.project),
            name: text(&document, fields.name),
            title: text(&document, fields.title),
            excerpt,
            highlights,
            score: *score,
            updated: Time::from_micros(updated),
        });
    }
    Ok(hits)
}

/// The counts by facet and value.
fn facets(counted: &Value) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut all: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for bucket in counted["facets"]["buckets"].as_array().into_iter().flatten() {
        let (Some(term), Some(count)) = (bucket["key"].as_str(), bucket["doc_count"].as_u64()) else {
            continue;
        };
        if let Some((name, value)) = fields::of_facet(term) {
            all.entry(name.to_owned()).or_default().insert(value.to_owned(), count);
        }
    }
    all
}
