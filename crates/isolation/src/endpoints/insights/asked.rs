//! Everything that insights tell of a clinic: each operation that the document names, each page that the
//! console leads to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::client::{Answer, Request, send};
use super::super::scene::Api;

/// What was answered, by what was asked and by whom.
pub(super) type Told = BTreeMap<String, Answer>;

/// Pages of the console that are looked at for one role: the first that it leads to.
const PAGES: usize = 12;

pub(super) fn get(api: &Api, token: &str, path: &str) -> Result<Answer> {
    let request = Request { method: "GET".into(), path: path.to_owned(), ..Request::default() };
    send(&api.url, Some(token), &request)
}

/// The paths of the insights that the server's own document names, each with what it may be asked: the
/// words of each parameter that has some.
pub(super) fn insights(api: &Api) -> Result<Vec<(String, Vec<String>)>> {
    let ask = Request { method: "GET".into(), path: "/openapi.json".into(), ..Request::default() };
    let document = send(&api.url, None, &ask)?.body;
    let paths = document.get("paths").and_then(Value::as_object).context("no paths")?;
    let of_insights = paths.iter().filter(|(path, _)| path.starts_with("/v1/insights/"));
    let all: Vec<_> = of_insights.map(|(path, item)| (path.clone(), questions(item))).collect();
    ensure!(!all.is_empty(), "the document names no insight");
    Ok(all)
}

/// Each combination of the words of its parameters.
fn questions(item: &Value) -> Vec<String> {
    let parameters = item.pointer("/get/parameters").and_then(Value::as_array);
    let mut all = vec![String::new()];
    for parameter in parameters.into_iter().flatten() {
        let name = parameter.get("name").and_then(Value::as_str);
        let words = parameter.pointer("/schema/enum").and_then(Value::as_array);
        let (Some(name), Some(words)) = (name, words) else { continue };
        let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
        let with = |before: &String| {
            words.iter().map(|word| format!("{before}&{name}={word}")).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all.iter().map(|text| text.replacen('&', "?", 1)).collect()
}

/// Whatever the clinic at this place is told, as each of `roles`.
pub(super) fn told(api: &Api, at: usize, roles: &[&str]) -> Result<Told> {
    let (clinic, insights) = (api.clinics.get(at).context("two clinics")?, insights(api)?);
    let mut told = Told::new();
    for role in roles {
        let token = clinic.token(role)?;
        for (path, questions) in &insights {
            for question in questions {
                let path = format!("{path}{question}");
                let answer = get(api, token, &path)?;
                told.insert(format!("GET {path} as {role}"), answer);
            }
        }
        for (path, answer) in pages(api, token)? {
            told.insert(format!("GET {path} as {role}"), answer);
        }
    }
    Ok(told)
}

/// The console's pages, from its door on.
fn pages(api: &Api, token: &str) -> Result<Vec<(String, Answer)>> {
    let mut known = BTreeSet::from(["/console".to_owned()]);
    let mut next = VecDeque::from(["/console".to_owned()]);
    let mut all = Vec::new();
    while let Some(path) = next.pop_front().filter(|_| all.len() < PAGES) {
        let answer = get(api, token, &path)?;
        for link in links(&path, &answer) {
            if known.insert(link.clone()) {
                next.push_back(link);
            }
        }
        all.push((path, answer));
    }
    ensure!(all.len() > 1, "the console leads nowhere");
    Ok(all)
}

/// Where a page of the console leads to: by its links, and by the groups that one may choose there.
fn links(path: &str, answer: &Answer) -> Vec<String> {
    let quoted = |text: &str| text.split_once('"').map(|(inside, _)| inside.to_owned());
    let moved = answer.headers.iter().filter(|(name, _)| name == "location");
    let mut links: Vec<_> = moved.map(|(_, to)| to.clone()).collect();
    links.extend(answer.text.split("href=\"").skip(1).filter_map(quoted));
    let groups = answer.text.split_once("name=\"group_by\"").map(|(_, after)| after);
    let groups = groups.and_then(|after| Some(after.split_once("</select>")?.0));
    for group in groups.into_iter().flat_map(|groups| groups.split("value=\"").skip(1)) {
        links.extend(quoted(group).map(|group| format!("{path}?group_by={group}")));
    }
    links.retain(|link| link.starts_with("/console") && !link.contains("cursor="));
    links
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_combination_of_words_is_asked() {
        let words = |name: &str, words: Value| json!({ "name": name, "schema": { "enum": words } });
        let parameters = [
            json!({ "name": "from", "schema": {} }),
            words("group_by", json!(["everybody", "patient"])),
            words("format", json!(["csv"])),
        ];
        let asked = questions(&json!({ "get": { "parameters": parameters } }));
        assert_eq!(asked, ["?group_by=everybody&format=csv", "?group_by=patient&format=csv"]);
        assert_eq!(questions(&json!({ "get": {} })), [""]);
    }

    #[test]
    fn a_page_leads_to_its_links_and_to_its_groups() {
        let text = "<a href=\"#content\"><a href=\"/console/a\"><a href=\"/console/b?cursor=x\">\
            <select name=\"group_by\"><option value=\"specialist\"></select><option value=\"no\">";
        let answer = Answer {
            status: 200,
            headers: vec![("location".into(), "/console/c".into())],
            body: Value::Null,
            text: text.to_owned(),
            request: None,
        };
        let found = links("/console/d", &answer);
        assert_eq!(found, ["/console/c", "/console/a", "/console/d?group_by=specialist"]);
    }
}
