# pkgs.callPackage ./package.nix { } builds the tree around it. In nixpkgs itself, src is fetchFromGitHub, version that of
# the tag, and the name is another one: its systemfd is the Rust program.
{
  lib,
  buildGoModule,
  installShellFiles,
  versionCheckHook,
  version ? "0-unstable",
  commit ? "unknown",
  src ? lib.cleanSource ../..,
}:

buildGoModule (finalAttrs: {
  pname = "systemfd";
  inherit version src;

  # Changes with go.mod: go test ./packaging -run VendorHash -update
  vendorHash = "sha256-WvWxT0hxzYLNmHDxpDV6DzFXe1MHIiMX9cPmzLdsX4g=";

  subPackages = [ "cmd/systemfd" ];
  env.CGO_ENABLED = 0; # a static program starts in half the time
  ldflags = [
    "-s"
    "-w"
    "-X main.version=${finalAttrs.version}"
    "-X main.commit=${commit}"
  ];

  # The tests start shells, watchers and servers, which a build does not have. The checks of the flake pass a socket.
  doCheck = false;

  doInstallCheck = true;
  nativeInstallCheckInputs = [ versionCheckHook ];

  nativeBuildInputs = [ installShellFiles ];
  postInstall = ''
    installManPage packaging/systemfd.1
    installShellCompletion --cmd systemfd \
      --bash completions/systemfd.bash \
      --zsh completions/_systemfd \
      --fish completions/systemfd.fish \
      --nushell completions/systemfd.nu
  '';

  meta = {
    description = "Opens sockets and hands them to a program by the systemd socket-activation protocol";
    homepage = "https://github.com/systemfd/systemfd";
    changelog = "https://github.com/systemfd/systemfd/blob/${
      if lib.hasPrefix "0-" finalAttrs.version then "main" else "v${finalAttrs.version}"
    }/CHANGELOG.md";
    license = lib.licenses.asl20;
    maintainers = [ ]; # who proposes it to nixpkgs
    mainProgram = "systemfd";
    platforms = with lib.platforms; linux ++ darwin ++ freebsd ++ netbsd ++ openbsd;
  };
})
