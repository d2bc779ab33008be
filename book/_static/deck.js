// Start reveal.js, and make every slide fit its sheet: text as large as it can be, in one column or two, then figures.
const WIDTH = 1280, HEIGHT = 720, LEAST = 0.5, LEAST_FIGURE = 0.5;

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
  if (!show(best)) slide.classList.add("lt-overfull");
  section.insertBefore(slide, home);
  ruler.remove();
}

async function start() {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  for (const image of document.querySelectorAll(".lt-slide img")) {
    image.style.setProperty("--aspect", (image.naturalWidth / image.naturalHeight || 1.5).toFixed(3));
  }
  document.querySelectorAll(".lt-slide").forEach(fit);
  await Reveal.initialize({
    width: WIDTH, height: HEIGHT, margin: 0.03, center: false, hash: true, slideNumber: "c/t", transition: "none",
    pdfSeparateFragments: false, plugins: [RevealNotes],
  });
  document.documentElement.dataset.ready = "true";
}

window.addEventListener("load", start);
