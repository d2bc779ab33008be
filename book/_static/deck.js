// Start reveal.js, and make every slide fit its sheet: text as large as it can be, in one column or two, then figures.
// What does not fit in text of 18 px, or is a second figure, goes on a sheet beneath, which the next key brings as any other.
const WIDTH = 1280, HEIGHT = 720, LEAST = 0.7, LEAST_FIGURE = 0.5;

function fit(slide) {
  const section = slide.parentElement, home = slide.nextSibling, heading = section.querySelector("h2");
  const ruler = document.createElement("div");
  ruler.className = "reveal";
  ruler.style.cssText = `position:absolute; left:-9999px; top:0; width:${WIDTH - 16}px; height:auto; overflow:visible; visibility:hidden;`;
  document.body.append(ruler);
  if (heading) ruler.append(heading.cloneNode(true));
  const room = HEIGHT - ruler.scrollHeight - 44;
  ruler.replaceChildren(slide);
  const pictures = slide.querySelector("img") !== null;
  const inside = (formula) => formula.getBoundingClientRect().right <= formula.closest("div.math, p, li, td").getBoundingClientRect().right + 1;
  const narrow = (block) => block.scrollWidth <= block.clientWidth + 1;
  const fits = () => slide.scrollHeight <= room && slide.scrollWidth <= ruler.clientWidth + 1
    && [...slide.querySelectorAll("pre, .lt-table, .cell_output, figure")].every(narrow)
    && [...slide.querySelectorAll("div.math mjx-container svg")].every(inside);
  const show = ({columns, text, figure}) => {
    slide.classList.toggle("lt-columns", columns);
    slide.style.setProperty("--lt-fit", text.toFixed(2));
    slide.style.setProperty("--lt-figure", figure.toFixed(2));
    return fits();
  };
  const largest = (columns) => {
    for (let text = 1; text >= LEAST - 0.001; text -= 0.05) {
      if (!show({columns, text, figure: LEAST_FIGURE})) continue;
      let figure = pictures ? 1 : LEAST_FIGURE;
      while (figure > LEAST_FIGURE && !show({columns, text, figure})) figure -= 0.05;
      return {columns, text, figure, worth: text + (pictures ? figure : 0)};
    }
    return {columns, text: LEAST, figure: LEAST_FIGURE, worth: 0};
  };
  const one = largest(false), two = slide.children.length > 1 && one.worth < (pictures ? 1.8 : 0.95) ? largest(true) : one;
  const best = two.worth > one.worth ? two : one;
  const whole = show(best);
  section.insertBefore(slide, home);
  ruler.remove();
  return whole;
}

// The last block of a slide, taken out of it; out of a lone cell or list its last part, in a shell of its own. Null
// where there is but one thing.
function last(parent) {
  if (parent.children.length > 1) return parent.removeChild(parent.lastElementChild);
  const only = parent.firstElementChild;
  if (!only || !only.matches("div.fragment, div.cell, div.cell_output, div.output, ul, ol, div.admonition")) return null;
  const part = last(only);
  if (!part) return null;
  const shell = only.cloneNode(false);
  if (shell.matches("ol")) shell.start = only.start + only.children.length;
  shell.append(part);
  return shell;
}

function sheets(slide) {
  const rest = slide.cloneNode(false);
  const figures = () => slide.querySelectorAll("figure").length;
  while (!fit(slide) || figures() > 1) {
    const part = last(slide);
    if (!part) break;
    rest.prepend(part);
    if (slide.lastElementChild.matches("h3") && slide.children.length > 1) rest.prepend(slide.lastElementChild);
  }
  if (!rest.children.length) return;
  const section = slide.parentElement, sheet = document.createElement("section");
  const heading = section.querySelector("h2").cloneNode(true);
  if (!section.matches(".lt-more")) heading.append(", continued");
  sheet.className = "lt-more";
  sheet.append(heading, rest);
  if (section.parentElement.matches(".slides")) {
    const stack = document.createElement("section");
    section.replaceWith(stack);
    stack.append(section);
  }
  section.after(sheet);
  sheets(rest);
}

// "7/22" of a slide, "7b/22" of the sheet beneath it.
function number(sheet) {
  const {h, v} = Reveal.getIndices(sheet);
  return [`${h + 1}${v ? String.fromCharCode(97 + v) : ""}`, "/", Reveal.getHorizontalSlides().length];
}

async function start() {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  for (const image of document.querySelectorAll(".lt-slide img")) {
    image.style.setProperty("--aspect", (image.naturalWidth / image.naturalHeight || 1.5).toFixed(3));
  }
  document.querySelectorAll(".lt-slide").forEach(sheets);
  await Reveal.initialize({
    width: WIDTH, height: HEIGHT, margin: 0.03, center: false, hash: true, slideNumber: number, transition: "none",
    navigationMode: "linear", pdfSeparateFragments: false, plugins: [RevealNotes],
  });
  document.documentElement.dataset.ready = "true";
}

window.addEventListener("load", start);
