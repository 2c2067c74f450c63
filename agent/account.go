package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"shangu/agent/account"
	"shangu/installer/host/cli"
	"shangu/schema/text"
)

// accountCommand is for who administers the machine: whoever may open the data
// directory, or its local door, may let anybody in.
func accountCommand() *cobra.Command {
	c := &cobra.Command{Use: "account", Short: "agent.cmd_account", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(listAccountsCommand(), addAccountCommand(), accountPINCommand(), resetAccountsCommand())
	return c
}

func listAccountsCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "agent.cmd_account_list", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return knock(cmd, false, func(ctx context.Context, d door) error {
			all, err := d.Accounts(ctx)
			if err != nil {
				return err
			}
			return cli.Print(cmd, all, func(w io.Writer) {
				for _, a := range all {
					fmt.Fprintln(w, text.New("agent.account_line", "name", a.Name, "role", a.Role.Label(), "changed", a.Changed))
				}
				if len(all) == 0 {
					fmt.Fprintln(w, text.New("agent.account_none"))
				}
			})
		})
	}}
}

func addAccountCommand() *cobra.Command {
	role := account.Clerk
	c := &cobra.Command{Use: "add NAME", Short: "agent.cmd_account_add", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		pin, err := typedPIN(cmd)
		if err != nil {
			return err
		}
		return knock(cmd, true, func(ctx context.Context, d door) error {
			a, err := d.AddAccount(ctx, args[0], role, pin)
			if err != nil {
				return err
			}
			return cli.Print(cmd, a, func(w io.Writer) {
				fmt.Fprintln(w, text.New("agent.account_made", "name", a.Name, "role", a.Role.Label()))
			})
		})
	}}
	c.Flags().StringVar((*string)(&role), "role", string(role), "agent.flag_role")
	return c
}

func accountPINCommand() *cobra.Command {
	return &cobra.Command{Use: "pin NAME", Short: "agent.cmd_account_pin", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		pin, err := typedPIN(cmd)
		if err != nil {
			return err
		}
		return knock(cmd, false, func(ctx context.Context, d door) error {
			if err := d.SetPIN(ctx, args[0], pin); err != nil {
				return err
			}
			return cli.Print(cmd, map[string]string{"name": args[0]}, func(w io.Writer) { fmt.Fprintln(w, text.New("agent.account_pin_set", "name", args[0])) })
		})
	}}
}

func resetAccountsCommand() *cobra.Command {
	sure := false
	c := &cobra.Command{Use: "reset", Short: "agent.cmd_account_reset", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		if !sure {
			return cli.Usage("agent.account_reset_sure")
		}
		return knock(cmd, false, func(ctx context.Context, d door) error {
			if err := d.ResetAccounts(ctx); err != nil {
				return err
			}
			return cli.Print(cmd, struct{}{}, func(w io.Writer) { fmt.Fprintln(w, text.New("agent.account_reset")) })
		})
	}}
	c.Flags().BoolVar(&sure, "yes", false, "agent.flag_yes")
	return c
}

// typedPIN reads a PIN from the keyboard: on a command line, others on the machine
// could read it.
func typedPIN(cmd *cobra.Command) (string, error) {
	fmt.Fprint(cmd.ErrOrStderr(), text.New("agent.account_ask_pin"))
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 4096)).ReadString('\n')
	pin := strings.TrimRight(line, "\r\n")
	if pin == "" {
		return "", text.Wrap(err, "agent.account_no_pin")
	}
	return pin, nil
}
