// The search page: sections in which every word that is asked for occurs, best first, each with its words in their
// place. sections.js brings SECTIONS, Sphinx's language_data.js brings stopwords and Stemmer.
const WORD = /[\p{L}\p{N}_]+/gu, BEFORE = 60, LENGTH = 240;
const stemmer = new Stemmer(), stems = new Map();

function stem(word) {
  if (!stems.has(word)) stems.set(word, stemmer.stemWord(word.toLowerCase()));
  return stems.get(word);
}

function asked(query) {
  const words = query.match(WORD) || [], telling = words.filter((word) => !stopwords.includes(word.toLowerCase()));
  return [...new Set((telling.length ? telling : words).map(stem))];
}

// where words of a text begin with one of the stems: [start, end, stem]
function places(text, wanted) {
  return [...text.matchAll(WORD)].flatMap((found) => {
    const hit = wanted.find((start) => stem(found[0]).startsWith(start));
    return hit ? [[found.index, found.index + found[0].length, hit]] : [];
  });
}

function find(query) {
  const wanted = asked(query), found = [];
  if (!wanted.length) return found;
  for (const [page, sections] of Object.entries(SECTIONS)) {
    for (const [anchor, heading, text] of sections) {
      const above = places(heading, wanted), within = places(text, wanted);
      const hit = new Set([...above, ...within].map((place) => place[2]));
      if (hit.size < wanted.length) continue;
      const chapter = sections[0][1], where = chapter === heading ? heading : `${chapter} › ${heading}`;
      found.push({address: `${page}.html#${anchor}`, where, text, within, worth: 10 * above.length + Math.log1p(within.length)});
    }
  }
  return found.sort((a, b) => b.worth - a.worth);
}

// where the word begins that the text has least often
function telling(within) {
  const times = {};
  for (const place of within) times[place[2]] = (times[place[2]] || 0) + 1;
  return within.reduce((least, place) => times[place[2]] < times[least[2]] ? place : least)[0];
}

function snippet({text, within}) {
  const out = document.createElement("p"), first = within.length ? telling(within) : 0;
  const start = first > BEFORE ? text.indexOf(" ", first - BEFORE) + 1 : 0, end = Math.min(start + LENGTH, text.length);
  let at = start;
  out.append(start ? "… " : "");
  for (const [from, to] of within) {
    if (from < at || to > end) continue;
    const mark = document.createElement("mark");
    mark.textContent = text.slice(from, to);
    out.append(text.slice(at, from), mark);
    at = to;
  }
  out.append(text.slice(at, end), end < text.length ? " …" : "");
  return out;
}

function show(query) {
  const out = document.getElementById("search-results"), said = document.createElement("p"), list = document.createElement("ul");
  const found = find(query);
  said.textContent = found.length === 1 ? "One section" : `${found.length || "No"} sections`;
  said.setAttribute("role", "status");
  for (const section of found) {
    const line = list.appendChild(document.createElement("li")), link = line.appendChild(document.createElement("a"));
    link.href = section.address;
    link.textContent = section.where;
    line.append(snippet(section));
  }
  out.replaceChildren(said, list);
}

const query = new URLSearchParams(location.search).get("q");
if (query) {
  for (const field of document.querySelectorAll("input[name=q]")) field.value = query;
  show(query);
}
