// SPDX-License-Identifier: MIT-0
//
//     npm install
//     systemfd -s http::3000 --proxy -- npx vite --port {port} --strictPort

document.querySelector("#hello").textContent = "Hello from Vite";
