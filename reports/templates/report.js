// The page is complete without this. With it, pointing at a moment in one chart
// tells its values below every chart over time, at once and on touch screens too.
(() => {
  const figures = [...document.querySelectorAll('#over-time figure')];
  const bandsOf = (figure) => figure.querySelectorAll('.bands rect');
  const point = (index) => {
    for (const figure of figures) {
      figure.querySelector('.bands .on')?.classList.remove('on');
      const band = index < 0 ? undefined : bandsOf(figure)[index];
      band?.classList.add('on');
      figure.querySelector('output').textContent = band?.textContent ?? '';
    }
  };
  document.documentElement.classList.add('alive');
  for (const figure of figures) {
    figure.addEventListener('pointerover', (event) => {
      const band = event.target.closest('.bands rect');
      if (band) point([...bandsOf(figure)].indexOf(band));
    });
    figure.addEventListener('pointerleave', () => point(-1));
  }
})();
