// Start reveal.js, and make every slide fit its sheet: two columns first, then smaller, never below what can be read.
const WIDTH = 1280, HEIGHT = 720, LEAST = 0.5;

function fit(slide) {
  const heading = slide.parentElement.querySelector("h2");
  const ruler = document.createElement("div");
  ruler.className = "reveal";
  ruler.style.cssText = `position:absolute; left:-9999px; top:0; width:${WIDTH - 16}px; height:auto; overflow:visible; visibility:hidden;`;
  const home = slide.nextSibling, section = slide.parentElement;
  document.body.append(ruler);
  ruler.append(slide);
  const title = heading ? heading.textContent.length > 48 ? 120 : 70 : 0;
  const room = HEIGHT - title - 34;
  const inside = (formula) => formula.getBoundingClientRect().right <= formula.closest("div.math, p, li, td").getBoundingClientRect().right + 1;
  const fits = () => slide.scrollHeight <= room && slide.scrollWidth <= ruler.clientWidth + 1
    && [...slide.querySelectorAll("div.math mjx-container svg")].every(inside);
  const largest = (columns) => {
    slide.classList.toggle("lt-columns", columns);
    let size = 1;
    slide.style.setProperty("--lt-fit", size);
    while (!fits() && size > LEAST) slide.style.setProperty("--lt-fit", (size -= 0.05).toFixed(2));
    return fits() ? size : 0;
  };
  const one = largest(false), two = one < 0.95 ? largest(true) : 0;
  const best = Math.max(one, two);
  slide.classList.toggle("lt-columns", two > one);
  slide.style.setProperty("--lt-fit", (best || LEAST).toFixed(2));
  if (!best) {
    slide.style.cssText += `overflow-y: auto; max-height: ${room}px;`;
    slide.classList.add("lt-overfull");
  }
  section.insertBefore(slide, home);
  ruler.remove();
}

async function start() {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  document.querySelectorAll(".lt-slide").forEach(fit);
  await Reveal.initialize({
    width: WIDTH, height: HEIGHT, margin: 0.03, center: false, hash: true, slideNumber: "c/t", transition: "none",
    pdfSeparateFragments: false, plugins: [RevealNotes],
  });
  document.documentElement.dataset.ready = "true";
}

window.addEventListener("load", start);
